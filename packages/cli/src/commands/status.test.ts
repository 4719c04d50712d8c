import type { RunStatusReport } from '@gantry/coordinator';
import { expect, it } from 'vitest';
import { asText } from './status.js';

const writtenAt = '2026-01-01T00:00:00.000Z';
const nowMs = Date.parse(writtenAt) + 61_000;
const report: RunStatusReport = {
  run: 'r',
  stage: 'training',
  generation: 1,
  step: 300,
  steps: 300,
  update: 600,
  imagesPerSecond: 5016.2,
  members: [],
  checkpoint: { step: 300, update: 600, path: '/runs/a/checkpoints/step-000300', stateSha256: '' },
  failure: null,
  absent: [],
  minWorkers: 1,
  leaseMs: 1500,
  losses: [],
  lossCount: 0,
  takeOverCommand: null,
  resumeCommand: 'npx gantry resume --out /runs/a',
  dropped: 0,
  alive: false,
  owner: { pid: 7, startTime: '1', hostname: 'box' },
  endpoint: 'tcp://127.0.0.1:1',
  writtenAt,
};
const member: RunStatusReport['members'][number] = {
  ...{
    worker: 'worker-1',
    host: 'box',
    pid: 9,
    device: 'cpu',
    deviceReason: '',
    engine: 'onnx',
    threads: 1,
    hub: false,
  },
  ...{ shards: [2, 3], update: 80, workingUpdate: 81, phase: 'computing', status: 'training', local: true },
  ...{ phaseMs: 1_200, silentMs: 100 },
};
const first = (text: string) => text.split('\n')[0];

it('begins with how the run stands', () => {
  const done = asText({ ...report, stage: 'done' }, nowMs);
  expect(first(done)).toBe('done         step 300 of 300, update 600, 5,016 images/s');
  expect(done).toContain('ended about 1 min 1 s ago (pid 7 on box)');
  expect(done).not.toContain('resume');
  expect(first(asText({ ...report, alive: true, step: 20 }, nowMs))).toMatch(/^training {5}step 20 of 300/);
});

it('says of a coordinator that went without a word how to go on, and what its workers were doing', () => {
  const members = [{ ...member, phase: 'computing' }];
  const text = asText({ ...report, step: 20, members, takeOverCommand: 'npx gantry coordinator --resume' }, nowMs);
  expect(text).toContain('gone since about 1 min 1 s (pid 7 on box)');
  expect(text).toContain(
    'to go on     npx gantry coordinator --resume   (with the workers that wait for it)\nto go on',
  );
  expect(text).toMatch(/worker-1 +box +9 +cpu +2,3 +80 +was computing/);
  expect(asText({ ...report, stage: 'done', members }, nowMs)).toMatch(/80 +gone$/);
  expect(asText({ ...report, alive: true, members }, nowMs)).toMatch(/80 +computing$/);
  const unsaved = asText({ ...report, step: 20, checkpoint: null }, nowMs);
  expect(unsaved).toContain('/runs/a   (from the beginning: nothing was saved)');
});

it('says of a coordinator that lives and does not write that it is silent', () => {
  const text = asText({ ...report, alive: true }, nowMs);
  expect(text).toContain('pid 7 on box, tcp://127.0.0.1:1, but it has written nothing for 1 min 1 s');
});

it('says how to go on with a run that was stopped, or whose coordinator went without a word', () => {
  const stopped = asText({ ...report, stage: 'stopped', step: 20 }, nowMs);
  expect(first(stopped)).toMatch(/^stopped /);
  expect(stopped).toContain('to go on     npx gantry resume --out /runs/a');
  expect(first(asText({ ...report, step: 20 }, nowMs))).toMatch(/^broken off /);
});

it('repeats what made a run fail', () => {
  const failure = { code: 'GANTRY_WORKER_LOST', message: 'lost worker-1. Go on with: x', details: {} } as const;
  const text = asText({ ...report, stage: 'failed', step: 20, failure }, nowMs);
  expect(first(text)).toMatch(/^failed /);
  expect(text).toContain('error        lost worker-1. Go on with: x [GANTRY_WORKER_LOST]');
  expect(text).not.toContain('to go on');
});
