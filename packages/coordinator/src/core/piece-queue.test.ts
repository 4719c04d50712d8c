import { DATA_CREDIT_BYTES_MAX, DATA_PIECE_BYTES_MAX } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { OWED_BYTES_MAX, SUPPLY_BYTES_MAX } from './constants.js';
import { PieceQueue, type PieceRequest } from './piece-queue.js';

const piece = (peer: string, chunk: number, bytes = DATA_PIECE_BYTES_MAX): PieceRequest => ({
  peer,
  datasetSha256: '',
  chunk,
  offset: 0,
  bytes,
});

/** Everything that may be read now. */
function drain(queue: PieceQueue): PieceRequest[] {
  const taken: PieceRequest[] = [];
  for (let next = queue.next(); next !== null; next = queue.next()) taken.push(next);
  return taken;
}

describe('the queue of pieces', () => {
  it('gives members turns, and each its own in their order', () => {
    const queue = new PieceQueue();
    for (const chunk of [1, 2, 3]) expect(queue.add(piece('a', chunk))).toBe(null);
    for (const chunk of [7, 8]) expect(queue.add(piece('b', chunk))).toBe(null);
    expect(drain(queue).map(({ peer, chunk }) => `${peer}${chunk}`)).toEqual(['a1', 'b7', 'a2', 'b8', 'a3']);
  });

  it('takes no more of one member than its credit, and more as soon as pieces have left', () => {
    const queue = new PieceQueue();
    const fits = OWED_BYTES_MAX / DATA_PIECE_BYTES_MAX;
    for (let chunk = 0; chunk < fits; chunk++) expect(queue.add(piece('a', chunk))).toBe(null);
    expect(queue.add(piece('a', fits))).toContain(`${OWED_BYTES_MAX} are allowed`);
    expect(queue.add(piece('b', 0))).toBe(null);
    queue.done(drain(queue)[0]!);
    expect(queue.add(piece('a', fits))).toBe(null);
    expect(queue.add(piece('a', fits, 0))).toContain('no bytes');
  });

  it('takes few requests for next to nothing, each of which costs more than its bytes', () => {
    const queue = new PieceQueue();
    let taken = 0;
    while (queue.add(piece('a', taken, 1)) === null) expect(++taken).toBeLessThan(10_000);
    expect(taken).toBe(OWED_BYTES_MAX / 4096);
    const first = queue.next()!;
    expect(queue.inFlight).toBe(4096);
    queue.done(first);
    expect(queue.inFlight).toBe(0);
    expect(queue.add(piece('a', taken, 1))).toBe(null);
    expect(queue.add(piece('a', taken, 1))).toContain(`${OWED_BYTES_MAX} are allowed`);
  });

  it('has room for all that an honest worker may owe, the short ends of its samples and labels among it', () => {
    const queue = new PieceQueue();
    const credits = OWED_BYTES_MAX / DATA_CREDIT_BYTES_MAX;
    for (let credit = 0; credit < credits; credit++) {
      for (const bytes of [1, 1]) expect(queue.add(piece('a', 0, bytes))).toBe(null);
      let left = DATA_CREDIT_BYTES_MAX - 2;
      for (; left >= DATA_PIECE_BYTES_MAX; left -= DATA_PIECE_BYTES_MAX) expect(queue.add(piece('a', 0))).toBe(null);
    }
  });

  it('reads no more at one time than its bound, whoever asks', () => {
    const queue = new PieceQueue();
    const members = (2 * SUPPLY_BYTES_MAX) / OWED_BYTES_MAX;
    for (let member = 0; member < members; member++) {
      for (let chunk = 0; chunk < OWED_BYTES_MAX / DATA_PIECE_BYTES_MAX; chunk++) {
        expect(queue.add(piece(`m${member}`, chunk))).toBe(null);
      }
    }
    const taken = drain(queue);
    expect(queue.inFlight).toBe(SUPPLY_BYTES_MAX);
    queue.done(taken[0]!);
    expect(drain(queue)).toHaveLength(1);
  });

  it('reads nothing more for who is gone, and counts it afresh when it comes back', () => {
    const queue = new PieceQueue();
    for (const chunk of [1, 2]) queue.add(piece('a', chunk));
    const first = queue.next()!;
    queue.forget('a');
    expect(queue.next()).toBe(null);
    queue.done(first);
    expect(queue.inFlight).toBe(0);
    expect(queue.add(piece('a', 3, OWED_BYTES_MAX))).toBe(null);
  });
});
