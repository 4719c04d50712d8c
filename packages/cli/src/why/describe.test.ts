import type { StoredLoss } from '@gantry/coordinator';
import { expect, it } from 'vitest';
import type { Account } from './account.js';
import { describe } from './describe.js';

const writtenAt = '2026-01-01T00:00:00.000Z';
const nowMs = Date.parse(writtenAt) + 3_000;
const loss: StoredLoss = {
  ...{ worker: 'worker-1', host: 'box', pid: 13, device: 'cpu', generation: 1, update: 60, phase: 'computing' },
  ...{ phaseMs: 40, silentMs: 20, reason: 'killed by SIGKILL', at: '2025-12-31T23:59:00.000Z' },
};
const account: Account = {
  ...{ run: 'r', runDirectory: '/runs/a', stage: 'training', stands: 'broken off', alive: false, ageMs: 3_000 },
  ...{ generation: 2, step: 40, steps: 300, update: 80, imagesPerSecond: 5016.2, minWorkers: 1, leaseMs: 1500 },
  members: [
    {
      ...{ worker: 'worker-0', host: 'box', pid: 12, device: 'cpu', deviceReason: '', engine: 'onnx', threads: 1 },
      ...{ shards: [0, 1], hub: false, update: 80, workingUpdate: 81, phase: 'gathering', status: 'training' },
      ...{ local: true, phaseMs: 1_100, silentMs: 100, process: 'gone' },
    },
  ],
  absent: [],
  losses: [loss],
  lossCount: 1,
  checkpoint: { step: 40, update: 80, path: '/runs/a/checkpoints/step-000040', stateSha256: '' },
  failure: null,
  log: null,
  resumeCommand: 'npx gantry resume --out /runs/a',
  takeOverCommand: null,
  dropped: 0,
  owner: { pid: 7, startTime: '1', hostname: 'box' },
  endpoint: 'tcp://127.0.0.1:1',
  writtenAt,
  waitsFor: [{ worker: 'worker-0', because: 'not heard of for 1.3 s' }],
  next: [{ command: 'npx gantry resume --out /runs/a', what: 'from step 40' }],
  flightRecorders: [
    {
      ...{ worker: 'worker-0', pid: 12, at: '2025-12-31T23:59:00.100Z', reason: 'generation 1 has ended' },
      ...{ phase: 'gathering', update: 61 },
      records: [{ agoMs: 12.34, event: 'gathering', update: 61, value: 0 }],
    },
  ],
};

it('tells how the run stands, each member, the losses and the flight recorders', () => {
  expect(describe(account, nowMs)).toBe(`broken off   step 40 of 300, update 80, 5,016 images/s
run          /runs/a
coordinator  gone since about 3 s (pid 7 on box)
waits for    worker-0: not heard of for 1.3 s
checkpoint   step 40, /runs/a/checkpoints/step-000040
to go on     npx gantry resume --out /runs/a   (from step 40)

members, as the coordinator last told, 3 s ago
worker    host  pid  device  shards  phase      update  for    silent  process
worker-0  box   12   cpu     0,1     gathering  81      1.1 s  0.1 s   gone

lost: 1
  2025-12-31T23:59:00Z (1 min 3 s ago)  worker-1 (host box, pid 13, cpu), last in phase computing of update 60, for 0.0 s: killed by SIGKILL

flight recorder of worker-0 (pid 12), 2025-12-31T23:59:00Z (1 min 3 s ago): generation 1 has ended
      -12.3 ms  update 61  gathering`);
});

it('tells what ended a run, and where its worker wrote', () => {
  const failure = { code: 'GANTRY_WORKER_LOST', message: 'lost worker-1', details: { worker: 'worker-1' } } as const;
  const text = describe({ ...account, stage: 'failed', failure, log: '/runs/a/logs/worker-1.log' }, nowMs);
  expect(text).toContain('error        lost worker-1 [GANTRY_WORKER_LOST]\nits log      /runs/a/logs/worker-1.log\n');
});

it('counts what it does not list', () => {
  const unborn = { ...loss, host: '', pid: 0, device: '', update: 0, phase: 'starting' };
  const losses = Array.from({ length: 30 }, () => unborn);
  const text = describe({ ...account, members: [], flightRecorders: [], losses, lossCount: 99 }, nowMs);
  expect(text).toContain('members: none\n\nlost: 99, the last 10 of them\n');
  expect(text.match(/ {2}worker-1, last in phase starting/g)).toHaveLength(10);
});
