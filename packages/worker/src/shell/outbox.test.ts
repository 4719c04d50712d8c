import { expect, it } from 'vitest';
import { Outbox } from './outbox.js';

function* bytes(...values: number[]): Generator<Uint8Array> {
  for (const value of values) yield Uint8Array.of(value);
}

const fail = (error: unknown): void => {
  throw error;
};

it('tells of what cannot be made or sent, and goes on with the next', async () => {
  const sent: number[] = [];
  const errors: unknown[] = [];
  const outbox = new Outbox({ send: async (message) => void sent.push(message[0]!) }, (error) => errors.push(error));
  outbox.pushBulk(
    (function* () {
      yield Uint8Array.of(1);
      throw new Error('too long');
    })(),
  );
  await outbox.drained();
  outbox.push(Uint8Array.of(2));
  await outbox.drained();
  expect(sent).toEqual([1, 2]);
  expect(errors).toEqual([new Error('too long')]);
});

it('sends one at a time, messages before the rest of a state', async () => {
  const sent: number[] = [];
  let inFlight = 0;
  const outbox = new Outbox(
    {
      async send(message) {
        expect(inFlight).toBe(0);
        inFlight++;
        await Promise.resolve();
        sent.push(message[0]!);
        if (message[0] === 10) outbox.push(Uint8Array.of(2));
        inFlight--;
      },
    },
    fail,
  );
  outbox.pushBulk(bytes(10, 11, 12));
  outbox.pushBulk(bytes(20));
  outbox.push(Uint8Array.of(1));
  await outbox.drained();
  outbox.push(Uint8Array.of(3));
  await outbox.drained();
  expect(sent).toEqual([10, 1, 2, 11, 12, 20, 3]);
});
