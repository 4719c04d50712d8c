import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Workspace } from '../support/gantry.js';
import { describeFault, describeScenario, drawScenario } from './faults.js';
import { ONE_MACHINE, SwitchedHosts } from './place.js';
import { requireChaos } from './requirements.js';
import { type FaultReport, runScenario, undisturbed } from './run.js';

/** `npm run test:chaos`: how many faults that do something, and the seed of the first run. */
const COUNT = Number(process.env.GANTRY_CHAOS_FAULTS ?? 20);
const SEED = Number(process.env.GANTRY_CHAOS_SEED ?? 1);
const FAULTS_A_RUN = 5;
/** Where most faults do nothing, something is wrong with the test. */
const RUNS_MAX = 4 * Math.ceil(COUNT / FAULTS_A_RUN);
/** A run with its faults on a machine that does other things too. */
const RUN_MS_MAX = 300_000;

const work = new Workspace();
let switched: SwitchedHosts | null = null;
beforeAll(async () => {
  await requireChaos(work.path);
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

/** What came of the faults of all runs. */
class Tally {
  readonly #reports: FaultReport[] = [];

  add(report: FaultReport): void {
    this.#reports.push(report);
  }

  get inflicted(): number {
    return this.#reports.filter(({ inflicted }) => inflicted).length;
  }

  tell(runs: number): void {
    const idle = this.#reports.filter(({ inflicted }) => !inflicted);
    const recoveries = this.#reports.flatMap(({ recoveryMs }) => recoveryMs ?? []).sort((a, b) => a - b);
    const at = (share: number): string =>
      ((recoveries[Math.floor(share * (recoveries.length - 1))] ?? 0) / 1000).toFixed(2);
    process.stderr.write(`${this.inflicted} faults in ${runs} runs; ${idle.length} more did nothing\n`);
    for (const { fault, done } of idle) process.stderr.write(`  did nothing: ${fault.kind}: ${done}\n`);
    process.stderr.write(`recovery: median ${at(0.5)} s, 9 of 10 within ${at(0.9)} s, longest ${at(1)} s\n`);
  }
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
    for (; tally.inflicted < COUNT && runs < RUNS_MAX; runs++) {
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
  },
  RUN_MS_MAX * RUNS_MAX,
);
