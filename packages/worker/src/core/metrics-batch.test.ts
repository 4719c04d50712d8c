import { expect, it } from 'vitest';
import { MetricsBatch } from './metrics-batch.js';

it('keeps sums and times of each step until they are taken', () => {
  const batch = new MetricsBatch({ metrics: 2, shards: 3, capacity: 2 });
  batch.addMetric(0, 1.5);
  batch.addMetric(0, 1);
  batch.addPhase(1, 7);
  batch.addPenalized();
  batch.endStep(4, 1_000.4);
  batch.addMetric(1, 9);
  batch.endStep(5, 2_000);
  expect(batch.isFull).toBe(true);
  expect(batch.take()).toEqual([
    { step: 4, penalized: 1, endedMs: 1_000, shards: 3, sums: [2.5, 0], phaseMs: [0, 7, 0, 0, 0] },
    { step: 5, penalized: 0, endedMs: 2_000, shards: 3, sums: [0, 9], phaseMs: [0, 0, 0, 0, 0] },
  ]);
  expect(batch.isEmpty).toBe(true);
  batch.endStep(6, 3_000);
  expect(batch.take()).toEqual([
    { step: 6, penalized: 0, endedMs: 3_000, shards: 3, sums: [0, 0], phaseMs: [0, 0, 0, 0, 0] },
  ]);
});

it('refuses more steps than it has room for', () => {
  const batch = new MetricsBatch({ metrics: 1, shards: 1, capacity: 1 });
  batch.endStep(0, 1);
  expect(() => batch.addMetric(0, 1)).toThrow(/full/);
});
