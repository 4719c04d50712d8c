import type { RunConfig } from '../config-types.js';
import { DEFAULT_CONFIG } from './defaults.js';

/**
 * What a change of one key does to a run that goes on from a checkpoint. `none`: not one weight differs, only how it is
 * computed or kept; `numbers`: the state stays valid, but weights are no longer bitwise those of an undisturbed run;
 * `breaks`: another run altogether, so it is refused.
 */
export type ChangeEffect = 'none' | 'numbers' | 'breaks';

export interface ConfigChange {
  /** Key of RunConfig; nested ones with a dot. */
  readonly key: string;
  readonly from: unknown;
  readonly to: unknown;
  readonly effect: ChangeEffect;
}

/** Every key that is not here breaks the run. `steps` only says where it ends: the weights after step t stay the same. */
const EFFECTS: Readonly<Record<string, ChangeEffect>> = {
  workers: 'none',
  minWorkers: 'none',
  maxWorkers: 'none',
  maxRestarts: 'none',
  balance: 'none',
  transport: 'none',
  topology: 'none',
  threads: 'none',
  steps: 'none',
  checkpointEvery: 'none',
  checkpointKeep: 'none',
  sampleEvery: 'none',
  leaseMs: 'none',
  stalled: 'none',
  verifyEvery: 'none',
  wire: 'numbers',
  device: 'numbers',
  engine: 'numbers',
  loss: 'numbers',
  r1Gamma: 'numbers',
  r1Interval: 'numbers',
  'adam.learningRate': 'numbers',
  'adam.epsilon': 'numbers',
};

/** What keys mean that runs stored by earlier versions do not have. */
const WHERE_ABSENT: Partial<RunConfig> = {
  wire: 'fp32',
  balance: 'auto',
  stalled: DEFAULT_CONFIG.stalled,
  verifyEvery: DEFAULT_CONFIG.verifyEvery,
};

/** What another value of a key (nested ones with a dot) does to a run that goes on. */
export function changeEffect(key: string): ChangeEffect {
  return EFFECTS[key] ?? 'breaks';
}

/** The keys in which two configurations differ, and what that means for resuming `from` as `to`. */
export function diffConfig(from: RunConfig, to: RunConfig): ConfigChange[] {
  const before = flat({ ...WHERE_ABSENT, ...from });
  const after = flat({ ...WHERE_ABSENT, ...to });
  const changes: ConfigChange[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(key), after.get(key)];
    if (!Object.is(a, b)) changes.push({ key, from: a, to: b, effect: changeEffect(key) });
  }
  return changes;
}

function flat(value: object, prefix = ''): Map<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry === 'object' && entry !== null) {
      for (const [inner, leaf] of flat(entry, `${prefix}${key}.`)) entries.set(inner, leaf);
    } else entries.set(prefix + key, entry);
  }
  return entries;
}
