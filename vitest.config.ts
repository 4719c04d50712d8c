import { defineConfig } from 'vitest/config';

/** The packages are imported built, as a user would import them: `npm test` builds first. */
const shared = {
  pool: 'forks',
  testTimeout: 180_000,
  hookTimeout: 180_000,
  // What is waited for is bounded by the test, not by how busy the machine is.
  expect: { poll: { timeout: 120_000, interval: 20 } },
} as const;

/** Under `test/`, what starts no processes that others could slow down. */
const ALONE = ['fuzz', 'mutants', 'numerics', 'sim'].map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          // Its default leaves one processor unused: half of the smallest machine.
          maxWorkers: '100%',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts', ...ALONE],
        },
      },
      // Whole runs of real processes: one file at a time, or they would measure each other.
      {
        test: {
          ...shared,
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: ALONE,
          fileParallelism: false,
          maxWorkers: 1,
          // Of the tests of one file that say so: as many as the smallest machine has processors.
          maxConcurrency: 2,
        },
      },
      // Not of `npm test`: `npm run bench -- network`.
      { test: { ...shared, name: 'bench', include: ['test/bench/**/*.measure.ts'] } },
    ],
  },
});
