import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Workspace } from '../support/gantry.js';
import { describeFault, describeScenario, drawScenario, type Family } from './faults.js';
import { ONE_MACHINE, SwitchedHosts } from './place.js';
import { familiesLacking, requireChaos } from './requirements.js';
import { type FaultReport, runScenario, undisturbed } from './run.js';
import { Tally } from './tally.js';

/** `npm run test:chaos`: how many faults that do something, and the seed of the first run. */
const COUNT = Number(process.env.GANTRY_CHAOS_FAULTS ?? 20);
const SEED = Number(process.env.GANTRY_CHAOS_SEED ?? 1);
const FAULTS_A_RUN = 5;
/** Where most faults do nothing, something is wrong with the test. */
const RUNS_MAX = 4 * Math.ceil(COUNT / FAULTS_A_RUN);
/** So many hold every kind of fault; see `faults.ts`. */
const HOLDS_ALL_KINDS = COUNT >= 20;
/** A run with its faults on a machine that does other things too. */
const RUN_MS_MAX = 300_000;

const work = new Workspace();
let switched: SwitchedHosts | null = null;
/** What this machine cannot play. */
let lacking: ReadonlySet<Family> = new Set();
beforeAll(async () => {
  await requireChaos(work.path);
  lacking = await familiesLacking(work.path);
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

function tell({ fault, done, inflicted, recoveryMs }: FaultReport): void {
  const recovered = recoveryMs === null ? 'the run ended' : `recovered in ${(recoveryMs / 1000).toFixed(2)} s`;
  process.stderr.write(`  ${describeFault(fault)}: ${done}; ${inflicted ? recovered : 'does not count'}\n`);
}

async function run(seed: number, onFault: (report: FaultReport) => void): Promise<void> {
  const scenario = drawScenario(seed, FAULTS_A_RUN);
  process.stderr.write(`${describeScenario(scenario)}\n`);
  const folder = join(work.path, `seed-${seed}`);
  const place = scenario.mode === 'network' ? (switched ?? ONE_MACHINE) : ONE_MACHINE;
  await runScenario(scenario, { folder, place, expected: await expectedOf(scenario.shards), onFault });
}

it(
  `ends with the bits of an undisturbed run after ${COUNT} faults from seed ${SEED}`,
  async () => {
    const tally = new Tally();
    const failed: number[] = [];
    let runs = 0;
    const missing = (): Family[] => (HOLDS_ALL_KINDS ? tally.missing(lacking) : []);
    for (; (tally.inflicted < COUNT || missing().length > 0) && runs < RUNS_MAX; runs++) {
      const seed = SEED + runs;
      try {
        await run(seed, (report) => {
          tally.add(report);
          tell(report);
        });
      } catch (error) {
        failed.push(seed);
        process.stderr.write(`${(error as Error).message}\n`);
      }
    }
    tally.tell(runs);
    expect(failed, 'seeds of the runs that failed; their accounts stand above').toEqual([]);
    expect(tally.inflicted, `faults in ${runs} runs that did something`).toBeGreaterThanOrEqual(COUNT);
    expect(missing(), `kinds of faults that were not played in ${runs} runs`).toEqual([]);
  },
  RUN_MS_MAX * RUNS_MAX,
);
