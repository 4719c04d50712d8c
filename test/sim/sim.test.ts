import { describe, expect, it } from 'vitest';
import { simulate } from './run.js';

const SEEDS = Number(process.env.GANTRY_SIM_SEEDS ?? 1000);
const FIRST = Number(process.env.GANTRY_SIM_FIRST ?? 1);

describe('a simulated cluster', () => {
  it(`keeps its promises in ${SEEDS} seeds`, () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const { problem, trace } = simulate(seed);
      if (problem !== null) expect.fail(`seed ${seed}: ${problem}\n${trace.join('\n')}`);
    }
  });

  it('does the same for the same seed', () => {
    for (const seed of [1, 2, 3]) {
      const [first, second] = [simulate(seed, { keepTrace: true }), simulate(seed, { keepTrace: true })];
      expect(second.trace).toEqual(first.trace);
      expect(second.digest).toBe(first.digest);
    }
  });
});
