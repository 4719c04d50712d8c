import type { RunConfig } from '@gantry/common';
import { inflict, planDeceits, planFaults, planFlips, planReturns } from './faults.js';
import { type PlanOptions, planSeed } from './plan.js';
import { type PlayReport, play } from './play.js';
import { Random } from './random.js';
import { World } from './world.js';

export interface SimReport extends PlayReport {
  readonly seed: number;
}

export interface SimOptions extends PlanOptions {
  readonly keepTrace?: boolean;
  /** Whether workers are lost as a coordinator comes back, in some seeds. @default true where hosts and disks may lie */
  readonly returns?: boolean;
}

/** Far from the seeds that are tried, so that no seed's second numbers are another one's first. */
const EXTRA_SEEDS = 0x5eed_0000;
const RETURN_SEEDS = 0x3eed_0000;

/** Runs the whole cluster that `seed` describes, with all that it does to it, to its end. */
export function simulate(seed: number, options: SimOptions = {}): SimReport {
  const randoms = { random: new Random(seed), extra: new Random(seed + EXTRA_SEEDS) };
  const { random, extra } = randoms;
  const { plan, pace } = planSeed(seed, randoms, options);
  const world = new World(randoms, plan.config, pace, options.keepTrace ?? false);
  const isHonest = options.plain === true || options.flips === true;
  const deceits = isHonest ? [] : planDeceits(extra);
  const returns = isHonest || options.returns === false ? [] : planReturns(new Random(seed + RETURN_SEEDS));
  const faults = [...(options.flips === true ? planFlips(random) : planFaults(random)), ...deceits, ...returns];
  const endMs = faults.reduce((latest, { atMs, forMs }) => Math.max(latest, atMs + forMs), 0);
  world.trace.add(`seed ${seed} ${JSON.stringify({ ...plan, config: undefined })} ${describe(plan.config)}`);
  const report = play(world, plan, {
    endMs,
    begin: (cluster) => {
      for (const fault of faults) world.clock.after(fault.atMs, () => inflict(cluster, fault));
    },
  });
  return { seed, ...report };
}

function describe(config: RunConfig): string {
  const { workers, minWorkers, maxWorkers, shards, steps, transport, updates, checkpointEvery, verifyEvery } = config;
  const { topology, stalled } = config;
  return JSON.stringify({
    ...{ workers, minWorkers, maxWorkers, shards, steps, transport, updates, checkpointEvery, verifyEvery },
    ...{ topology, stalled },
  });
}
