import type { Cluster } from './cluster.js';
import type { DiskTrouble } from './disk.js';
import type { Random } from './random.js';

export interface PlannedFault {
  readonly atMs: number;
  readonly kind: FaultKind | Deceit | typeof FLIP | typeof RETURN;
  /** How long it lasts, where it lasts. */
  readonly forMs: number;
}

/** Not one of those that are mixed with all others: a replica that dies before it is compared takes the proof with it. */
const FLIP = 'flip a bit';

/** Before a coordinator that was started again has brought together those who hold the state. */
const RETURN = 'the coordinator is killed, and a worker as it comes back';

/** How long a person lets a process hang. */
const HUNG_MS = 150_000;

type Inflict = (cluster: Cluster, forMs: number) => void;

/** Hosts between which something may happen. */
function hosts({ plan }: Cluster): string[] {
  return [...new Set([plan.coordinatorHost, ...plan.workerHosts])];
}

function later(cluster: Cluster, forMs: number, action: () => void): void {
  cluster.world.clock.after(forMs, action);
}

/** What can be done to a cluster. Each ends by itself. */
const FAULTS = {
  'kill a worker': (cluster) => {
    if (cluster.alive.length > 0) cluster.world.random.pick(cluster.alive).kill();
  },
  'stop a worker': (cluster, forMs) => {
    if (cluster.alive.length === 0) return;
    const worker = cluster.world.random.pick(cluster.alive);
    worker.freeze();
    later(cluster, forMs, () => worker.thaw());
  },
  'hang a worker': (cluster) => {
    if (cluster.alive.length === 0) return;
    const worker = cluster.world.random.pick(cluster.alive);
    worker.main.hang();
    // Whoever started it sees in the end that it does nothing.
    later(cluster, HUNG_MS, () => worker.kill());
  },
  'break a connection': (cluster) => {
    if (cluster.alive.length > 0) cluster.world.address.breakOne(cluster.world.random.pick(cluster.alive).link.dealer);
  },
  'break a data connection': (cluster) => {
    const { random, data } = cluster.world;
    data.breakBetween(random.pick(hosts(cluster)), random.pick(hosts(cluster)));
  },
  'cut one way': (cluster, forMs) => {
    const { random, network } = cluster.world;
    const [from, to] = [random.pick(hosts(cluster)), random.pick(hosts(cluster))];
    network.block(from, to);
    later(cluster, forMs, () => network.unblock(from, to));
  },
  'cut both ways': (cluster, forMs) => {
    const { random, network } = cluster.world;
    const [a, b] = [random.pick(hosts(cluster)), random.pick(hosts(cluster))];
    network.block(a, b);
    network.block(b, a);
    later(cluster, forMs, () => {
      network.unblock(a, b);
      network.unblock(b, a);
    });
  },
  'lose a host': (cluster) => loseHost(cluster, cluster.world.random.pick(hosts(cluster))),
  'lose all workers': (cluster) => {
    for (const worker of cluster.alive) worker.kill();
  },
  'a worker joins': (cluster) => {
    const { workerHosts } = cluster.plan;
    if (workerHosts.length > 0) cluster.startWorker(cluster.world.random.pick(workerHosts), '');
  },
  'a worker is asked to leave': (cluster) => {
    if (cluster.alive.length > 0) cluster.world.random.pick(cluster.alive).terminate();
  },
  'all workers are asked to leave': (cluster) => {
    for (const worker of cluster.alive) worker.terminate();
  },
  'kill the coordinator': (cluster) => {
    cluster.coordinator?.kill();
  },
  'stop the coordinator': (cluster, forMs) => {
    const { coordinator } = cluster;
    coordinator?.freeze();
    later(cluster, forMs, () => coordinator?.thaw());
  },
  'the clock jumps': (cluster, forMs) => {
    cluster.coordinator?.jump(forMs);
  },
  'the disk is full': (cluster, forMs) => trouble(cluster, 'full', forMs),
  'fsync fails': (cluster, forMs) => trouble(cluster, 'fsync', forMs),
  'the disk is slow': (cluster, forMs) => {
    cluster.world.disk.slowness = forMs > 5000 ? 1500 : 100;
    later(cluster, forMs, () => {
      cluster.world.disk.slowness = 1;
    });
  },
  'ctrl-c': (cluster) => {
    cluster.coordinator?.stop();
  },
} as const satisfies Readonly<Record<string, Inflict>>;

export type FaultKind = keyof typeof FAULTS;
const KINDS = Object.keys(FAULTS) as FaultKind[];

/** What is mixed with all of these: a network that brings messages twice, a disk that has not done what it says. */
const DECEITS = {
  'messages arrive twice': (cluster, forMs) => {
    const { network, extra } = cluster.world;
    network.repeats = extra.pick([0.01, 0.1, 0.5]);
    later(cluster, forMs, () => {
      network.repeats = 0;
    });
  },
  'fsync of a folder fails': (cluster, forMs) => trouble(cluster, 'folder fsync', forMs),
  'fsync lies': (cluster, forMs) => trouble(cluster, 'lies', forMs),
  'fsync lies, and the power fails': (cluster, forMs) => {
    trouble(cluster, 'lies', forMs);
    later(cluster, cluster.world.extra.between(0, forMs), () => loseHost(cluster, cluster.plan.coordinatorHost));
  },
  'the newest checkpoint is damaged': ({ world }) => world.disk.damageNewest(),
} as const satisfies Readonly<Record<string, Inflict>>;

type Deceit = keyof typeof DECEITS;
const DECEIT_KINDS = Object.keys(DECEITS) as Deceit[];

/** A machine is gone, and everything on it at once. */
function loseHost({ alive, coordinator, world }: Cluster, host: string): void {
  for (const worker of alive) if (worker.host === host) worker.vanish();
  world.memories.lose(host);
  if (coordinator?.host !== host || !coordinator.alive) return;
  coordinator.vanish();
  world.disk.losePower();
}

function trouble(cluster: Cluster, kind: Exclude<DiskTrouble, 'none'>, forMs: number): void {
  const { disk } = cluster.world;
  disk.trouble = kind;
  later(cluster, forMs, () => {
    disk.trouble = 'none';
  });
}

/** What a seed does to its cluster: bursts, so that faults meet recoveries. */
export function planFaults(random: Random): PlannedFault[] {
  const faults: PlannedFault[] = [];
  const kinds = random.chance(0.5) ? KINDS : [random.pick(KINDS), random.pick(KINDS), random.pick(KINDS)];
  for (let bursts = random.integer(0, 3); bursts > 0; bursts--) {
    let atMs = random.between(0, 6000);
    for (let count = random.integer(1, 3); count > 0; count--) {
      faults.push({
        atMs,
        kind: random.pick(kinds),
        forMs: random.chance(0.5) ? random.between(20, 500) : random.between(500, 12_000),
      });
      atMs += random.chance(0.7) ? random.between(0, 400) : random.between(400, 4000);
    }
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Beside what {@link planFaults} does, in half of the seeds. */
export function planDeceits(extra: Random): PlannedFault[] {
  if (extra.chance(0.5)) return [];
  return Array.from({ length: extra.integer(1, 3) }, () => ({
    atMs: extra.between(0, 6000),
    kind: extra.pick(DECEIT_KINDS),
    forMs: extra.between(20, 6000),
  }));
}

/** Beside all that, in a quarter of the seeds. */
export function planReturns(random: Random): PlannedFault[] {
  if (random.chance(0.75)) return [];
  return Array.from({ length: random.integer(1, 2) }, () => ({
    atMs: random.between(200, 6000),
    kind: RETURN,
    forMs: random.chance(0.7) ? random.between(0, 600) : random.between(600, 4000),
  }));
}

/** A hub rather than another one; `forMs` after the coordinator's start. */
function loseReturning(cluster: Cluster, forMs: number): void {
  cluster.coordinator?.kill();
  cluster.onceStarted(() =>
    later(cluster, forMs, () => {
      const { alive } = cluster;
      const victims = alive.some(({ options }) => options.hub) ? alive.filter(({ options }) => options.hub) : alive;
      victims[Math.floor(forMs) % victims.length]?.kill();
    }),
  );
}

/** A seed of {@link simulate} with `flips`: damaged replicas, and what may happen meanwhile without hiding who they are. */
export function planFlips(random: Random): PlannedFault[] {
  const flips = Array.from({ length: random.integer(1, 3) }, () => random.between(50, 4000));
  const others = ['a worker joins', 'the disk is slow'] as const;
  const meanwhile = random.chance(0.5) ? [{ atMs: random.between(0, 4000), kind: random.pick(others) }] : [];
  const planned: Omit<PlannedFault, 'forMs'>[] = [
    ...flips.map((atMs) => ({ atMs, kind: FLIP }) as const),
    ...meanwhile,
  ];
  return planned
    .map((fault): PlannedFault => ({ ...fault, forMs: random.between(20, 2000) }))
    .sort((a, b) => a.atMs - b.atMs);
}

/** One whose replica another one is compared with; where memory is shared it is its host's. */
function flip({ alive, world }: Cluster): void {
  const compared = world.config.transport === 'shm' ? alive.filter((one) => isOfSeveralHosts(one, alive)) : alive;
  if (compared.length > 0) world.random.pick(compared).isToFlip = true;
}

function isOfSeveralHosts({ host }: { readonly host: string }, all: readonly { readonly host: string }[]): boolean {
  return all.some((other) => other.host !== host);
}

export function inflict(cluster: Cluster, { kind, forMs }: PlannedFault): void {
  cluster.world.trace.add(`** ${kind} (${forMs.toFixed(0)} ms)`);
  if (kind === FLIP) flip(cluster);
  else if (kind === RETURN) loseReturning(cluster, forMs);
  else ({ ...FAULTS, ...DECEITS })[kind](cluster, forMs);
}
