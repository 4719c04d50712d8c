import type { Assignment, Envelope, Message } from '@gantry/common';
import { expect, it } from 'vitest';
import { isStale } from './stale.js';

const OWN = { runId: 'run-1', generation: 3 };

function said(body: Message, more: Partial<Envelope> = {}): Envelope {
  return { runId: 'run-1', generation: 3, update: 0, body, ...more };
}

const pause: Message = { kind: 'pause', generation: 3 };

it.each<[string, boolean, Envelope]>([
  ['of this generation', false, said(pause)],
  ['of no generation', false, said(pause, { generation: 0 })],
  ['of a later one', false, said(pause, { generation: 4 })],
  ['of an earlier one', true, said(pause, { generation: 2 })],
  ['of another run', true, said(pause, { runId: 'run-2' })],
  ['that sends it back, of a coordinator that knows of fewer', false, said({ kind: 'rejoin' }, { generation: 1 })],
  ['that sends it back, of another run', true, said({ kind: 'rejoin' }, { runId: 'run-2' })],
  ['the next assignment', false, said(assignment(4), { generation: 4 })],
  ['the present assignment once more', true, said(assignment(3))],
  ['an assignment of before', true, said(assignment(2), { generation: 0 })],
])('a message %s: stale %s', (_, expected, envelope) => {
  expect(isStale(envelope, OWN)).toBe(expected);
});

it('knows no run before it is welcomed', () => {
  expect(isStale(said(pause, { runId: 'run-2', generation: 9 }), { runId: '', generation: 0 })).toBe(false);
});

function assignment(generation: number): Assignment {
  return {
    ...{ kind: 'assignment', generation, members: [], sharedMemory: '', startUpdate: 0, stateSha256: '' },
    network: { latencyUs: 0, kilobytesPerSecond: 0 },
  };
}
