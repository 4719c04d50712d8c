import type { RunConfig } from '@gantry/common';
import { Cluster, type Plan } from './cluster.js';
import { inflict, planFaults, planFlips } from './faults.js';
import { InvariantError } from './invariants.js';
import { Random } from './random.js';
import { type Pace, World } from './world.js';

/** Virtual time in which a run ends when nothing is done to it any more: above all allowances of the coordinator together. */
const RECOVERY_MS_MAX = 400_000;
/** Virtual time in which every process ends behind the run: workers wait ten minutes for a coordinator. */
const LEAVE_MS_MAX = 700_000;
const HEAL_EVERY_MS = 5_000;
/** An event loop that does not end: far above what any seed needs. */
const EVENTS_MAX = 2_000_000;

export interface SimReport {
  readonly seed: number;
  /** Null: all was as it must be. */
  readonly problem: string | null;
  readonly digest: string;
  readonly trace: readonly string[];
  readonly virtualMs: number;
  readonly events: number;
  readonly summary: { commits: number; generations: number; highest: number; rollbacks: number; divergences: number };
}

export interface SimOptions {
  readonly keepTrace?: boolean;
  /** Bits of replicas change, instead of everything else. */
  readonly flips?: boolean;
  /** Several hosts whose workers share memory. */
  readonly sharingHosts?: boolean;
}

/** By seed, so that it takes nothing from what else the seed decides. */
const VERIFY_EVERY = [0, 1, 4, 10];

/** Runs the whole cluster that `seed` describes, with all that it does to it, to its end. */
export function simulate(seed: number, options: SimOptions = {}): SimReport {
  const random = new Random(seed);
  const single = planCluster(random);
  const cluster = options.sharingHosts === true ? planHosts(random, single) : single;
  const plan = withVerification(cluster, seed, options);
  const world = new World(random, plan.config, planPace(random), options.keepTrace ?? false);
  const faults = options.flips === true ? planFlips(random) : planFaults(random);
  const endMs = faults.reduce((latest, { atMs, forMs }) => Math.max(latest, atMs + forMs), 0);
  let events = 0;
  let problem: string | null = null;
  const { clock, trace } = world;
  trace.add(`seed ${seed} ${JSON.stringify({ ...plan, config: undefined })} ${describe(plan.config)}`);
  const runUntil = (isOver: () => boolean, deadlineMs: number, what: string): void => {
    while (!isOver()) {
      if (clock.nowMs > deadlineMs || events++ > EVENTS_MAX) world.monitor.fail(what);
      if (!clock.step()) world.monitor.fail(`${what}: nothing happens any more`);
    }
  };
  try {
    const cluster = new Cluster(world, plan);
    for (const fault of faults) clock.after(fault.atMs, () => inflict(cluster, fault));
    const heal = (): void => {
      if (cluster.result !== null) return;
      if (clock.nowMs >= endMs) cluster.heal();
      clock.after(HEAL_EVERY_MS, heal);
    };
    heal();
    runUntil(() => cluster.result !== null, endMs + RECOVERY_MS_MAX, 'the run does not end');
    const leaveMs = Math.max(endMs, clock.nowMs) + LEAVE_MS_MAX;
    runUntil(() => cluster.alive.length === 0, leaveMs, 'a worker does not leave behind the run');
  } catch (error) {
    if (!(error instanceof InvariantError)) trace.add(`!! ${(error as Error).stack ?? String(error)}`);
    problem = (error as Error).message;
  }
  return {
    seed,
    problem,
    digest: trace.digest,
    trace: trace.lines,
    virtualMs: clock.nowMs,
    events,
    summary: world.monitor.summary,
  };
}

function withVerification(plan: Plan, seed: number, { flips = false }: SimOptions): Plan {
  const verifyEvery = VERIFY_EVERY[seed % VERIFY_EVERY.length]!;
  const flipped = { transport: 'tcp', verifyEvery: Math.max(1, verifyEvery) } as const;
  return { ...plan, config: { ...plan.config, ...(flips ? flipped : { verifyEvery }) } };
}

function planPace(random: Random): Pace {
  return {
    latency: { leastMs: random.between(0.05, 2), mostMs: random.between(2, 25), tail: random.between(1, 20) },
    computeMs: random.between(2, 60),
    compileMs: random.between(5, 1500),
    chunkBytes: random.pick([32, 64, 152]),
  };
}

function planCluster(random: Random): Plan {
  const transport = random.chance(0.6) ? 'tcp' : 'shm';
  const isLocal = random.chance(0.4);
  const workers = random.integer(1, 4);
  const shards = random.integer(workers, 5);
  const local = isLocal ? random.integer(1, workers) : 0;
  const others = workers - local;
  const workerHosts = Array.from({ length: others }, (_, index) =>
    transport === 'shm' ? 'h0' : `h${random.chance(0.2) ? 0 : index}`,
  );
  const coordinatorHost = transport === 'shm' && (isLocal || random.chance(0.5)) ? 'h0' : 'hc';
  const updates = random.chance(0.6) ? 'alternating' : 'simultaneous';
  const config: RunConfig = {
    ...{
      preset: 'mlp',
      model: null,
      dataset: 'mnist',
      engine: 'onnx',
      device: 'cpu',
      threads: 1,
      topology: 'direct',
      balance: 'auto',
      wire: 'fp32',
    },
    ...{ loss: 'non-saturating', adam: { learningRate: 0.001, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 } },
    ...{ emaDecay: 0, r1Gamma: 0, r1Interval: 4, sampleEvery: 0, verifyEvery: 0, batch: 60, seed: 1, leaseMs: 1500 },
    workers,
    minWorkers: random.integer(1, workers),
    maxWorkers: Math.max(workers, random.integer(workers, shards)),
    maxRestarts: random.integer(0, 3),
    shards,
    steps: random.integer(5, 40),
    transport,
    updates,
    discriminatorUpdates: updates === 'alternating' ? random.integer(1, 2) : 1,
    checkpointEvery: random.pick([0, 1, 3, 7]),
    checkpointKeep: random.integer(1, 3),
  };
  return { config, workerHosts, localWorkers: local, coordinatorHost };
}

/** The same cluster by hand, on up to three hosts whose workers share memory. */
function planHosts(random: Random, { config }: Plan): Plan {
  const workers = random.integer(2, 6);
  const shards = Math.max(workers, config.shards);
  const maxWorkers = random.integer(workers, shards);
  const hosts = random.integer(2, 3);
  const workerHosts = Array.from({ length: workers }, () => `h${random.integer(0, hosts - 1)}`);
  const minWorkers = random.integer(1, workers);
  const topology = random.pick(['direct', 'halving'] as const);
  const changed = { workers, shards, maxWorkers, minWorkers, topology, transport: 'shm' } as const;
  return { config: { ...config, ...changed }, workerHosts, localWorkers: 0, coordinatorHost: 'hc' };
}

function describe(config: RunConfig): string {
  const { workers, minWorkers, maxWorkers, shards, steps, transport, updates, checkpointEvery, verifyEvery } = config;
  return JSON.stringify({
    ...{ workers, minWorkers, maxWorkers, shards, steps, transport, updates, checkpointEvery, verifyEvery },
  });
}
