import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Workspace } from '../support/gantry.js';
import { describeFault, describeScenario, drawScenario } from './faults.js';
import { ONE_MACHINE, SwitchedHosts } from './place.js';
import { type FaultReport, runScenario, undisturbed } from './run.js';

/** `npm run test:chaos`: how many faults, and the seed of the first run. */
const COUNT = Number(process.env.GANTRY_CHAOS_FAULTS ?? 20);
const SEED = Number(process.env.GANTRY_CHAOS_SEED ?? 1);
const FAULTS_A_RUN = 5;
/** A run with its faults on a machine that does other things too. */
const RUN_MS_MAX = 300_000;

const work = new Workspace();
let switched: SwitchedHosts | null = null;
beforeAll(async () => {
  switched = await SwitchedHosts.make(work.path);
});
afterAll(() => {
  switched?.remove();
  work.remove();
});

const expected = new Map<number, Promise<string>>();
const expectedOf = (shards: number): Promise<string> => {
  if (!expected.has(shards)) expected.set(shards, undisturbed(shards, work.path));
  return expected.get(shards)!;
};

function tell({ fault, done, recoveryMs }: FaultReport): void {
  const recovered = recoveryMs === null ? 'the run ended' : `recovered in ${(recoveryMs / 1000).toFixed(2)} s`;
  process.stderr.write(`  ${describeFault(fault)}: ${done}; ${recovered}\n`);
}

it(
  `ends with the bits of an undisturbed run after ${COUNT} faults from seed ${SEED}`,
  async () => {
    const recoveries: number[] = [];
    const failed: number[] = [];
    for (let seed = SEED, faults = 0; faults < COUNT; seed++) {
      const scenario = drawScenario(seed, Math.min(FAULTS_A_RUN, COUNT - faults));
      process.stderr.write(`${describeScenario(scenario)}\n`);
      const reports: FaultReport[] = [];
      const onFault = (report: FaultReport): void => {
        reports.push(report);
        tell(report);
      };
      const folder = join(work.path, `seed-${seed}`);
      try {
        const place = scenario.mode === 'network' ? (switched ?? ONE_MACHINE) : ONE_MACHINE;
        await runScenario(scenario, { folder, place, expected: await expectedOf(scenario.shards), onFault });
      } catch (error) {
        failed.push(seed);
        process.stderr.write(`${(error as Error).message}\n`);
      }
      faults += Math.max(1, reports.length);
      for (const { recoveryMs } of reports) if (recoveryMs !== null) recoveries.push(recoveryMs);
    }
    recoveries.sort((a, b) => a - b);
    const at = (share: number): string =>
      ((recoveries[Math.floor(share * (recoveries.length - 1))] ?? 0) / 1000).toFixed(2);
    process.stderr.write(`recovery: median ${at(0.5)} s, 9 of 10 within ${at(0.9)} s, longest ${at(1)} s\n`);
    expect(failed, 'seeds of the runs that failed; their accounts stand above').toEqual([]);
  },
  RUN_MS_MAX * Math.max(2, COUNT / FAULTS_A_RUN),
);
