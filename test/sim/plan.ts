import { type RunConfig, UNMEASURED } from '@gantry/common';
import type { Plan } from './cluster.js';
import type { Random } from './random.js';
import type { Pace } from './world.js';

/** Of a run's configuration what few seeds vary, or none. */
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

/** Which kind of cluster a seed describes. */
export interface PlanOptions {
  /** Bits of replicas change, instead of everything else. */
  readonly flips?: boolean;
  /** Several hosts whose workers share memory. */
  readonly sharingHosts?: boolean;
  /** Hosts are equally fast, topologies are told, disks and networks keep what they promise. */
  readonly plain?: boolean;
}

/** By seed, so that it takes nothing from what else the seed decides. */
const VERIFY_EVERY = [0, 1, 4, 10];

/** Steps of most seeds, at most. */
const STEPS_MAX = 40;
/** Of the clusters that differ, those that train long enough for shards to move. */
const LONG = 0.1;
/** Some clusters differ from what most seeds describe. */
const VARIED = 0.5;

/** What a seed's cluster is, and how long things take in it. */
export function planSeed(
  seed: number,
  { random, extra }: { readonly random: Random; readonly extra: Random },
  options: PlanOptions,
): { plan: Plan; pace: Pace } {
  const single = planCluster(random);
  const cluster = options.sharingHosts === true ? planHosts(random, single) : single;
  const verified = withVerification(cluster, seed, options);
  const isVaried = options.plain !== true && extra.chance(VARIED);
  const plan = isVaried ? varied(extra, verified) : verified;
  const pace = planPace(random);
  return { plan, pace: isVaried ? variedPace(extra, plan, pace) : pace };
}

function withVerification(plan: Plan, seed: number, { flips = false, sharingHosts = false }: PlanOptions): Plan {
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
    network: UNMEASURED,
    slower: new Map(),
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
    steps: random.integer(5, STEPS_MAX),
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

/** Another topology, another policy for workers that hang, long enough for shards to move. */
function varied(extra: Random, plan: Plan): Plan {
  const config = {
    ...plan.config,
    topology: extra.pick(topologiesOf(plan)),
    stalled: extra.pick(['replace', 'wait'] as const),
  };
  if (!extra.chance(LONG)) return { ...plan, config };
  const shards = Math.max(config.shards, config.workers + 2);
  return { ...plan, config: { ...config, shards, steps: extra.integer(120, 200) } };
}

/** What a configuration may have there: a hub works with the workers of its own host, or over tcp. */
function topologiesOf({ config, coordinatorHost, workerHosts }: Plan): readonly RunConfig['topology'][] {
  if (config.transport === 'tcp') return ['direct', 'halving', 'auto', 'star'];
  const isOneHost = workerHosts.every((host) => host === coordinatorHost);
  return isOneHost ? ['direct', 'auto', 'star'] : ['direct', 'halving', 'auto'];
}

function variedPace(extra: Random, { config, workerHosts, coordinatorHost }: Plan, pace: Pace): Pace {
  const network = { latencyUs: extra.integer(1, 20_000), kilobytesPerSecond: extra.integer(1, 1_000_000) };
  const hosts = [...new Set([coordinatorHost, ...workerHosts])];
  if (config.steps <= STEPS_MAX && extra.chance(0.5)) return { ...pace, network };
  const slower = new Map(hosts.map((host) => [host, extra.pick([1, 1, 2, 4])]));
  return { ...pace, network, slower, computeMs: Math.max(pace.computeMs, 20) };
}
