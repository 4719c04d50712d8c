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
  /** The coordinator is killed; while it is away, a worker is killed, or stopped until about when the next one begins. */
  | 'kill-while-away'
  | 'stop-while-away'
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

/** What the kinds have in common, as `docs/testing.md` tells of them: 20 faults hold at least one of each. */
export const FAMILIES = {
  'kill-one': 'SIGKILL',
  'kill-several': 'SIGKILL',
  'kill-all-but-one': 'SIGKILL',
  'kill-all': 'SIGKILL',
  'stop-short': 'SIGSTOP and SIGCONT',
  'stop-long': 'SIGSTOP and SIGCONT',
  leave: 'leave',
  join: 'join',
  'freeze-coordinator-short': 'coordinator stopped',
  'freeze-coordinator-long': 'coordinator stopped',
  'kill-coordinator': 'coordinator killed',
  'kill-everything': 'everything killed',
  'kill-while-away': 'worker struck while the coordinator is away',
  'stop-while-away': 'worker struck while the coordinator is away',
  'no-memory': 'memory taken',
  'no-disk': 'disk full',
  'cut-short': 'link cut',
  'cut-long': 'link cut',
  'cut-half': 'link cut',
  'slow-link': 'rate changed',
} as const satisfies Readonly<Record<FaultKind, string>>;
export type Family = (typeof FAMILIES)[FaultKind];

/** Who is struck is a worker, or a worker's link: there is one without a coordinator too. */
export const STRIKES_WORKERS: ReadonlySet<FaultKind> = new Set([
  'kill-one',
  'kill-several',
  'kill-all-but-one',
  'kill-all',
  'stop-short',
  'stop-long',
  'cut-short',
  'cut-long',
  'cut-half',
]);

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
  readonly topology: (typeof TOPOLOGIES)[number];
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
const TOPOLOGIES = ['star', 'halving', 'direct', 'auto'] as const;

/**
 * Faults that are dealt out, not drawn: these runs hold every kind once. They are seeds 1 to 4, and the first of every 13, which is
 * neither a multiple of the modes nor of the topologies; so whatever the first seed, 13 runs hold every kind.
 */
const DEALT: readonly { readonly mode: Mode; readonly kinds: readonly FaultKind[] }[] = [
  { mode: 'by-hand', kinds: ['join', 'kill-coordinator', 'no-memory', 'leave', 'kill-several'] },
  { mode: 'network', kinds: ['slow-link', 'cut-short', 'kill-while-away', 'cut-long', 'cut-half'] },
  {
    mode: 'launched',
    kinds: ['kill-all-but-one', 'freeze-coordinator-short', 'no-disk', 'stop-short', 'kill-everything'],
  },
  { mode: 'by-hand', kinds: ['kill-one', 'stop-long', 'kill-all', 'freeze-coordinator-long', 'stop-while-away'] },
];
const SEEDS_A_BLOCK = 13;
/** Of those that are dealt out none comes so late that the run may end before it has begun. */
const LAST_DEALT_STEP = STEPS - 80;

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
    'kill-while-away': 2,
    'stop-while-away': 2,
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
    'kill-while-away': 1,
    'stop-while-away': 1,
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
const AWAY: ReadonlySet<FaultKind> = new Set(['kill-while-away', 'stop-while-away']);
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
  const block = Math.floor((seed - 1) / SEEDS_A_BLOCK);
  const dealt = DEALT[(seed - 1) % SEEDS_A_BLOCK];
  const mode = dealt?.mode ?? MODES[(seed - 1) % MODES.length]!;
  const topology = TOPOLOGIES[(seed - 1) % TOPOLOGIES.length]!;
  const drawn = TRANSPORTS[(block + Math.floor(seed / 2)) % 3]!;
  const transport = mode === 'network' ? betweenHosts(topology) : withinHost(topology, drawn);
  const shards = dealt === undefined && random() < 0.3 ? 2 : 4;
  const last = dealt === undefined ? LAST_STEP : LAST_DEALT_STEP;
  const steps = Array.from({ length: faultCount }, () => between(FIRST_STEP, last)).sort((a, b) => a - b);
  const kinds = dealt?.kinds ?? [];
  return {
    ...{ seed, mode, transport, topology, shards },
    // Of those that are dealt out one needs room for a worker more, and one a worker that can be spared.
    workers: dealt === undefined ? between(2, shards) : 3,
    faults: steps.map((atStep, index) => drawFault(random, { kind: kinds[index] ?? drawKind(random, mode), atStep })),
  };
}

function drawFault(random: () => number, { kind, atStep }: Pick<Fault, 'kind' | 'atStep'>): Fault {
  const share = random();
  const [least, most] = leases(kind);
  return {
    ...{ kind, atStep },
    delayMs: Math.floor(random() * 400),
    durationMs: Math.floor((least + share * (most - least)) * LEASE_MS),
    pick: random(),
    awaited: random() < 0.7,
  };
}

/** The least and the most that a fault lasts, in leases. */
function leases(kind: FaultKind): readonly [number, number] {
  if (LONG.has(kind)) return [1.3, 3];
  if (SHORT.has(kind)) return [0.02, 0.7];
  return AWAY.has(kind) ? [0.3, 1.5] : [0, 2];
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

/** Whose members share their memory, one replica is all there is: `halving` and `auto` would have nothing to do. */
function withinHost(topology: Scenario['topology'], drawn: Scenario['transport']): Scenario['transport'] {
  const needsReplicas = topology === 'halving' || topology === 'auto';
  return needsReplicas && drawn === 'shm' ? 'tcp' : drawn;
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
