import { expect, it } from 'vitest';
import { Outbox } from './outbox.js';

function* bytes(...values: number[]): Generator<Uint8Array> {
  for (const value of values) yield Uint8Array.of(value);
}

const BEAT = 99;
const heartbeat = (): Uint8Array => Uint8Array.of(BEAT);
const onError = (error: unknown): void => {
  throw error;
};

/** What left, in order; every heartbeat is answered at once where `answers` says so. */
function opened(answers: boolean) {
  const sent: number[] = [];
  const outbox: Outbox = new Outbox({
    sink: {
      send: async ([first]) => {
        sent.push(first!);
        if (first === BEAT && answers) queueMicrotask(() => outbox.answered());
      },
    },
    heartbeat,
    onError,
  });
  return { sent, outbox };
}

it('tells of what cannot be made or sent, and goes on with the next', async () => {
  const sent: number[] = [];
  const errors: unknown[] = [];
  const sink = { send: async (message: Uint8Array) => void sent.push(message[0]!) };
  const outbox = new Outbox({ sink, heartbeat, onError: (error) => errors.push(error) });
  outbox.pushBulk(
    (function* () {
      yield Uint8Array.of(1);
      throw new Error('too long');
    })(),
  );
  await expect.poll(() => sent).toEqual([1, BEAT]);
  outbox.answered();
  await outbox.drained();
  outbox.push(Uint8Array.of(2));
  await outbox.drained();
  expect(sent).toEqual([1, BEAT, 2]);
  expect(errors).toEqual([new Error('too long')]);
});

it('sends one at a time, messages before the rest of a state', async () => {
  const sent: number[] = [];
  let inFlight = 0;
  const outbox: Outbox = new Outbox({
    sink: {
      async send(message) {
        expect(inFlight).toBe(0);
        inFlight++;
        await Promise.resolve();
        sent.push(message[0]!);
        if (message[0] === 10) outbox.push(Uint8Array.of(2));
        if (message[0] === BEAT) outbox.answered();
        inFlight--;
      },
    },
    heartbeat,
    onError,
  });
  outbox.pushBulk(bytes(10, 11, 12));
  outbox.pushBulk(bytes(20));
  outbox.push(Uint8Array.of(1));
  await outbox.drained();
  outbox.push(Uint8Array.of(3));
  await outbox.drained();
  expect(sent.filter((one) => one !== BEAT)).toEqual([10, 1, 2, 11, 12, 20, 3]);
  expect(sent.filter((one) => one === BEAT)).toHaveLength(4);
});

it('hands out no more of a state than the other end keeps up with, and everything else at once', async () => {
  const { sent, outbox } = opened(false);
  outbox.pushBulk(bytes(10, 11, 12, 13, 14));
  outbox.push(Uint8Array.of(1));
  await expect.poll(() => sent).toEqual([10, BEAT, 1]);
  outbox.beat();
  await expect.poll(() => sent).toEqual([10, BEAT, 1, BEAT]);
  outbox.answered();
  // The first was answered soon: there is room for two.
  await expect.poll(() => sent.filter((one) => one !== BEAT)).toEqual([10, 1, 11, 12]);
});

it('is not drained before a state has left, or was dropped', async () => {
  const { sent, outbox } = opened(true);
  outbox.pushBulk(bytes(...Array.from({ length: 60 }, (_, index) => index)));
  await outbox.drained();
  expect(sent.filter((one) => one !== BEAT)).toHaveLength(60);
  const silent = opened(false);
  silent.outbox.pushBulk(bytes(1, 2, 3));
  const drained = silent.outbox.drained();
  silent.outbox.dropBulk();
  await drained;
  expect(silent.sent).toEqual([1, BEAT]);
});
