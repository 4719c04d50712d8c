import { describe, expect, it } from 'vitest';
import {
  addMark,
  initialMetrics,
  mergeMetrics,
  metricsProblem,
  recentRate,
  steadyPhases,
  steadyRate,
} from './metrics.js';

const row = (step: number, shards: number, sums: number[], phaseMs = [1, 2, 3, 4, 5], penalized = 0) => ({
  step,
  shards,
  sums,
  phaseMs,
  penalized,
  endedMs: 1_000 + shards,
});

describe('mergeMetrics', () => {
  it('averages over all shards, whoever owned them, and gives steps in order', () => {
    let state = initialMetrics(0);
    ({ metrics: state } = mergeMetrics(
      state,
      [row(1, 3, [3, 6, 3, 0, 6], undefined, 2), row(0, 3, [3, 3, 3, 3, 0])],
      4,
    ));
    const { metrics, finished } = mergeMetrics(state, [row(0, 1, [1, 5, 0, 1, 0], [3, 4, 5, 6, 7])], 4);
    expect(finished).toEqual([
      {
        step: 1,
        discriminatorLoss: 1,
        generatorLoss: 2,
        accuracyReal: 0.75,
        accuracyFake: 1,
        penalty: null,
        phaseMs: { load: 2, compute: 3, gather: 4, update: 5, commit: 6 },
        endedMs: 1_003,
      },
    ]);
    const next = mergeMetrics(metrics, [row(1, 1, [1, 2, 1, 0, 2], undefined, 2)], 4).finished;
    // Summed over the two D updates that carried it, and over four shards.
    expect(next[0]).toMatchObject({ step: 2, penalty: 1 });
  });

  it('ignores a step that was reported before', () => {
    const first = mergeMetrics(initialMetrics(0), [row(0, 1, [1, 1, 1, 1, 1])], 1);
    expect(mergeMetrics(first.metrics, [row(0, 1, [9, 9, 9, 9, 9])], 1).finished).toEqual([]);
  });
});

describe('rates', () => {
  it('leave the first steps out', () => {
    let state = initialMetrics(0);
    for (let step = 1; step <= 48; step++) {
      // The first eight steps take a second each, the others ten milliseconds.
      const atMs = step <= 8 ? step * 1000 : 8000 + (step - 8) * 10;
      state = addMark(state, step, atMs);
    }
    expect(steadyRate(state)).toBeCloseTo(100);
    expect(recentRate(state)).toBeCloseTo(100);
  });

  it('of a run too short for marks come from the times of its steps', () => {
    const rows = Array.from({ length: 20 }, (_, step) => row(step, 1, [0, 0, 0, 0, 0], [1, 5, 1, 2, 1]));
    const { metrics } = mergeMetrics(initialMetrics(0), rows, 1);
    expect(steadyRate(addMark(metrics, 20, 300))).toBeCloseTo(100);
    expect(steadyPhases(metrics)).toEqual({ load: 1, compute: 5, gather: 1, update: 2, commit: 1 });
    expect(steadyRate(initialMetrics(0))).toBe(0);
  });
});

describe('metricsProblem', () => {
  const owned = { shards: 1, steps: 10 };
  it('names what does not fit', () => {
    const state = initialMetrics(0);
    expect(metricsProblem(state, [row(0, 1, [0, 0, 0, 0, 0])], owned)).toBeNull();
    expect(metricsProblem(state, [row(10, 1, [0, 0, 0, 0, 0])], owned)).toMatch(/step 10/);
    expect(metricsProblem(state, [row(0, 2, [0, 0, 0, 0, 0])], owned)).toMatch(/2 shards/);
    expect(metricsProblem(state, [row(0, 1, [0])], owned)).toMatch(/1 sums/);
    expect(metricsProblem(state, [row(0, 1, [0, 0, 0, 0, 0], [1])], owned)).toMatch(/1 phases/);
  });
});
