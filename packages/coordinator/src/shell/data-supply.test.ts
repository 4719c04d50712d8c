import { decodeEnvelope, type Message } from '@gantry/common';
import { expect, it } from 'vitest';
import { DataSupply } from './data-supply.js';

it('answers a worker that asks again and again once, and every other one too', async () => {
  const sent: { readonly peer: string; readonly body: Message }[] = [];
  const supply = new DataSupply({
    ...{ runId: 'run-1', dataset: 'idx:/no/such/folder', fault: null, emit: () => {} },
    send: async (peer, frame) => {
      sent.push({ peer, body: decodeEnvelope(frame).body });
      return true;
    },
    onError: (error) => expect.fail(String(error)),
  });
  const ask = (peer: string): void => {
    const query = { kind: 'datasetQuery', heldSha256: '', reason: 'it lacks them' } as const;
    expect(supply.take({ peer, worker: peer, host: 'h' }, query)).toBeNull();
  };
  for (let count = 0; count < 1_000; count++) ask('a');
  ask('b');
  ask('gone');
  supply.forget('gone');
  await expect.poll(() => sent.map(({ peer }) => peer)).toEqual(['a', 'b']);
  expect(sent[0]!.body).toMatchObject({ kind: 'datasetAnswer', problem: expect.stringContaining('/no/such/folder') });
  // Whoever asks after an answer gets another one.
  ask('a');
  await expect.poll(() => sent.map(({ peer }) => peer)).toEqual(['a', 'b', 'a']);
  await supply.close();
});
