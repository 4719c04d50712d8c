/** What is done to a run. Of `several` and `all but one` the workers are meant; a hub counts as one. */
export type FaultKind =
  | 'kill-one'
  | 'kill-several'
  | 'kill-all-but-one'
  | 'kill-all'
  | 'stop-short'
  | 'stop-long'
  | 'leave'
  | 'join'
  | 'freeze-coordinator-short'
  | 'freeze-coordinator-long'
  | 'kill-coordinator'
  | 'kill-everything'
  /** One worker gets no more memory, and another is killed: the first dies while it regroups. */
  | 'no-memory'
  /** Not a byte is left on the disk of the run; there is room again before it is resumed. */
  | 'no-disk'
  /** No packet goes to one host or from it, the coordinator's too: for less than the lease, or for longer. */
  | 'cut-short'
  | 'cut-long'
  /** Half of the workers' hosts at once, for longer than the lease. */
  | 'cut-half'
  | 'slow-link';

/**
 * `launched`: by `gantry train`. `by-hand`: `gantry coordinator`, and every worker a command of its own. `network`: by hand, encrypted,
 * on hosts of their own with links between them; where those cannot be made, on this one.
 */
export const MODES = ['by-hand', 'network', 'launched'] as const;
export type Mode = (typeof MODES)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** It comes when the run has made this step, */
  readonly atStep: number;
  /** and so much later: within an update, or in the middle of the recovery from the fault before. */
  readonly delayMs: number;
  /** How long what it stopped stays stopped, or what it ended stays away. */
  readonly durationMs: number;
  /** In [0, 1): which of the processes that are there. */
  readonly pick: number;
  /** The next fault comes after the recovery from this one, not in it. */
  readonly awaited: boolean;
}

/** A configuration, and what happens to it: everything that a seed decides. */
export interface Scenario {
  readonly seed: number;
  readonly mode: Mode;
  readonly transport: 'shm' | 'tcp' | 'ipc';
  readonly topology: 'direct' | 'star';
  readonly workers: number;
  readonly shards: number;
  readonly faults: readonly Fault[];
}

export const LEASE_MS = 1_500;
export const STEPS = 300;
/** The first fault may come before anything has been saved. */
const FIRST_STEP = 2;
const LAST_STEP = STEPS - 20;

const TRANSPORTS = ['shm', 'tcp', 'ipc'] as const;
const TOPOLOGIES = ['direct', 'star'] as const;

/** Weights: what is rare in the world and slow to recover from is drawn less often. */
const KINDS: Readonly<Record<Mode, Readonly<Partial<Record<FaultKind, number>>>>> = {
  launched: {
    'kill-one': 5,
    'kill-several': 3,
    'kill-all-but-one': 2,
    'kill-all': 1,
    'stop-short': 3,
    'stop-long': 2,
    leave: 1,
    'freeze-coordinator-short': 1,
    'freeze-coordinator-long': 1,
    'kill-everything': 2,
    'no-memory': 1,
    'no-disk': 1,
  },
  'by-hand': {
    'kill-one': 4,
    'kill-several': 2,
    'kill-all-but-one': 2,
    'kill-all': 1,
    'stop-short': 3,
    'stop-long': 3,
    leave: 3,
    join: 3,
    'freeze-coordinator-short': 1,
    'freeze-coordinator-long': 1,
    'kill-coordinator': 3,
    'kill-everything': 1,
    'no-memory': 1,
    'no-disk': 1,
  },
  network: {
    'kill-one': 3,
    'kill-all-but-one': 1,
    'kill-all': 1,
    'stop-long': 1,
    leave: 2,
    join: 2,
    'kill-coordinator': 2,
    'kill-everything': 1,
    'no-memory': 1,
    'no-disk': 1,
    'cut-short': 4,
    'cut-long': 4,
    'cut-half': 2,
    'slow-link': 4,
  },
};
const LONG: ReadonlySet<FaultKind> = new Set(['stop-long', 'freeze-coordinator-long', 'cut-long', 'cut-half']);
const SHORT: ReadonlySet<FaultKind> = new Set(['stop-short', 'freeze-coordinator-short', 'cut-short']);
/** Mbit/s of a slow link: a step of 2.2 MB takes seconds, or hardly longer than otherwise. */
const RATES = { least: 10, most: 300 } as const;

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Seeds that follow each other go through all modes, transports and topologies. */
export function drawScenario(seed: number, faultCount: number): Scenario {
  const random = randomNumbers(seed);
  const between = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1));
  const mode = MODES[(seed - 1) % MODES.length]!;
  const topology = TOPOLOGIES[Math.floor(seed / 9) % 2]!;
  const transport = mode === 'network' ? betweenHosts(topology) : TRANSPORTS[Math.floor(seed / 3) % 3]!;
  const shards = random() < 0.3 ? 2 : 4;
  const steps = Array.from({ length: faultCount }, () => between(FIRST_STEP, LAST_STEP)).sort((a, b) => a - b);
  return {
    ...{ seed, mode, transport, topology, shards },
    workers: between(2, shards),
    faults: steps.map((atStep) => drawFault(random, mode, atStep)),
  };
}

function drawFault(random: () => number, mode: Mode, atStep: number): Fault {
  const kind = drawKind(random, mode);
  const share = random();
  const [least, most] = LONG.has(kind)
    ? [1.3 * LEASE_MS, 3 * LEASE_MS]
    : SHORT.has(kind)
      ? [20, 0.7 * LEASE_MS]
      : [0, 2 * LEASE_MS];
  return {
    ...{ kind, atStep },
    delayMs: Math.floor(random() * 400),
    durationMs: Math.floor(least + share * (most - least)),
    pick: random(),
    awaited: random() < 0.7,
  };
}

function drawKind(random: () => number, mode: Mode): FaultKind {
  const weights = Object.entries(KINDS[mode]) as [FaultKind, number][];
  let left = random() * weights.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of weights) {
    left -= weight;
    if (left < 0) return kind;
  }
  return 'kill-one';
}

/** A star between hosts needs tcp; what `auto` takes, shm inside a host and tcp between them, is run otherwise. */
function betweenHosts(topology: Scenario['topology']): Scenario['transport'] {
  return topology === 'star' ? 'tcp' : 'shm';
}

/** As `tc` takes it, by {@link Fault.pick}: even on a scale of factors. */
export function rateOf({ pick }: Fault): string {
  return `${Math.round(RATES.least * (RATES.most / RATES.least) ** ((pick * 7) % 1))}mbit`;
}

/** One line that says what a fault does. */
export function describeFault({ kind, atStep, delayMs, durationMs, pick, awaited }: Fault): string {
  const next = awaited ? '' : ', next at once';
  return `${kind} at step ${atStep} +${delayMs} ms (${durationMs} ms, pick ${pick.toFixed(3)}${next})`;
}

/** One line that says what they are done to. */
export function describeScenario({ seed, mode, transport, topology, workers, shards }: Scenario): string {
  return `seed ${seed}: ${mode}, ${transport}, ${topology}, ${workers} workers, ${shards} shards`;
}
