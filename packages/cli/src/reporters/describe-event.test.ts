import type { RunEvent } from '@gantry/coordinator';
import { expect, it } from 'vitest';
import { describeEvent, describeProgress } from './describe-event.js';
import type { ProgressEvent } from './reporter.js';

it('tells of progress in one line', () => {
  const phaseMs = { load: 1, compute: 2, gather: 3, update: 4, commit: 5 };
  const losses = { discriminatorLoss: 1.2345, generatorLoss: Number.NaN, accuracyReal: 0.9, accuracyFake: 0.25 };
  const event: ProgressEvent = {
    event: 'progress',
    step: 1200,
    steps: 10_000,
    imagesPerSecond: 8123.4,
    etaSeconds: 100,
    penalty: null,
    phaseMs,
    endedMs: 1_800_000_000_000,
    ...losses,
  };
  expect(describeProgress(event)).toBe(
    'step 1,200/10,000  8,123 images/s  D 1.234  G NaN  D right on 90 % real, 25 % fake  1 min 40 s left',
  );
});

it('says which topology was chosen, and by what', () => {
  const network = { topology: 'direct', hosts: 4, latencyMs: 0.12, megabitsPerSecond: 940 };
  const event: RunEvent = { event: 'ready', generation: 1, update: 0, members: [], network, startupMs: 1000 };
  expect(describeEvent(event)).toContain('topology    direct: 4 hosts, 0.12 ms, 940 Mbit/s');
  expect(describeEvent({ ...event, network: null })).not.toContain('topology');
});

it('says whose data comes from the coordinator, and why', () => {
  const event: RunEvent = { event: 'data-streamed', worker: 'w', host: 'box', reason: 'GANTRY_DATA=stream' };
  expect(describeEvent(event)).toBe('data        w on box gets it from this coordinator: GANTRY_DATA=stream');
});

it('names worker, update, phase and reason of a loss', () => {
  const event: RunEvent = {
    event: 'worker-lost',
    worker: 'worker-1',
    host: 'box',
    update: 7,
    phase: 'computing',
    reason: 'killed by SIGKILL',
  };
  const text = describeEvent(event);
  for (const part of ['worker-1', 'box', 'update 7', 'computing', 'SIGKILL']) expect(text).toContain(part);
});

it('tells of a diverged replica who, where, since when, and what is done', () => {
  const event: RunEvent = {
    event: 'replica-diverged',
    worker: 'worker-1',
    host: 'box',
    update: 200,
    verifiedUpdate: 100,
    outvoted: true,
    backTo: 80,
    removed: true,
  };
  const text = describeEvent(event);
  for (const part of ['worker-1', 'box', 'update 200', 'up to 100', 'back to update 80', 'removed']) {
    expect(text).toContain(part);
  }
  expect(describeEvent({ ...event, outvoted: false, backTo: 0, removed: false })).toMatch(/may be .* the beginning$/);
});
