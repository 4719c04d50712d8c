import { DATA_CREDIT_BYTES_MAX, DATA_PIECE_BYTES_MAX } from '@gantry/common';
import { expect, it } from 'vitest';
import { PieceCredit } from './piece-credit.js';

/** Sends as many pieces as may leave at `nowMs`. */
function fill(credit: PieceCredit, nowMs: number): number {
  let pieces = 0;
  for (; credit.isOpen; pieces++) credit.sent(1, nowMs);
  return pieces;
}

it('begins with one piece, and fills a fast link up to the bound', () => {
  const credit = new PieceCredit();
  let [underway, nowMs] = [fill(credit, 0), 0];
  expect(underway).toBe(1);
  for (let round = 0; round < 100; round++, nowMs++) {
    credit.answered(nowMs);
    underway += fill(credit, nowMs) - 1;
  }
  expect(underway).toBe(DATA_CREDIT_BYTES_MAX / DATA_PIECE_BYTES_MAX);
});

it('goes back to one piece where answers are late, so that a heartbeat waits behind one', () => {
  const credit = new PieceCredit();
  let underway = 0;
  for (let nowMs = 0; nowMs < 10; nowMs++) {
    underway += fill(credit, nowMs);
    credit.answered(nowMs);
    underway--;
  }
  underway += fill(credit, 10);
  expect(underway).toBeGreaterThan(4);
  for (let nowMs = 1_000; nowMs < 100_000; nowMs += 1_000) {
    credit.answered(nowMs);
    underway += fill(credit, nowMs) - 1;
  }
  expect(underway).toBe(1);
});

it('takes heartbeats alone for no pieces, and no answer too many for a debt', () => {
  const credit = new PieceCredit();
  for (let beat = 0; beat < 50; beat++) credit.sent(0, beat);
  expect(credit.isOpen).toBe(true);
  for (let answer = 0; answer < 60; answer++) credit.answered(answer);
  expect(fill(credit, 100)).toBe(1);
});
