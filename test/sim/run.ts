import type { RunConfig } from '@gantry/common';
import type { Plan } from './cluster.js';
import { inflict, planFaults, planFlips } from './faults.js';
import { type PlayReport, play } from './play.js';
import { Random } from './random.js';
import { type Pace, World } from './world.js';

/** Of a run's configuration what no seed varies. */
export const UNVARIED = {
  preset: 'mlp',
  model: null,
  dataset: 'mnist',
  engine: 'onnx',
  device: 'cpu',
  threads: 1,
  topology: 'direct',
  wire: 'fp32',
  balance: 'auto',
  verifyEvery: 0,
  stalled: 'replace',
  loss: 'non-saturating',
  adam: { learningRate: 0.001, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 },
  emaDecay: 0,
  r1Gamma: 0,
  r1Interval: 4,
  sampleEvery: 0,
  batch: 60,
  seed: 1,
  leaseMs: 1500,
} as const satisfies Partial<RunConfig>;

export interface SimReport extends PlayReport {
  readonly seed: number;
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
  world.trace.add(`seed ${seed} ${JSON.stringify({ ...plan, config: undefined })} ${describe(plan.config)}`);
  const report = play(world, plan, {
    endMs,
    begin: (cluster) => {
      for (const fault of faults) world.clock.after(fault.atMs, () => inflict(cluster, fault));
    },
  });
  return { seed, ...report };
}

function withVerification(plan: Plan, seed: number, { flips = false, sharingHosts = false }: SimOptions): Plan {
  const verifyEvery = VERIFY_EVERY[seed % VERIFY_EVERY.length]!;
  if (!flips) return { ...plan, config: { ...plan.config, verifyEvery } };
  const config = { ...plan.config, verifyEvery: Math.max(1, verifyEvery) };
  // There have to be two replicas: of two workers, or of two hosts.
  if (!sharingHosts) return { ...plan, config: { ...config, transport: 'tcp' } };
  const [first, second, ...others] = plan.workerHosts;
  return { ...plan, config, workerHosts: [first!, second === first ? 'h-other' : second!, ...others] };
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
    ...UNVARIED,
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
