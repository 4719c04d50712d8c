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
const first = (text: string) => text.split('\n')[0];

it('begins with how the run stands', () => {
  const done = asText({ ...report, stage: 'done' }, nowMs);
  expect(first(done)).toBe('done         step 300 of 300, update 600, 5,016 images/s');
  expect(done).toContain('gone since about 1 min 1 s');
  expect(done).not.toContain('resume');
  expect(first(asText({ ...report, alive: true, step: 20 }, nowMs))).toMatch(/^training {5}step 20 of 300/);
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
