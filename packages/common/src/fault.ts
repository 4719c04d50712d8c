import { GantryError } from './errors.js';

/**
 * What a test asks a process to do to itself. `exit`: leave at once without a word, `hang`: block the main thread for good,
 * `nan`: fill its first shard's z with NaN, so that losses and gradients are what a real NaN makes them, `flip`: change one
 * bit of its committed state after the update, once, `slow`: wait for some milliseconds a shard, from the update on. Of a
 * coordinator, `chunk`: send a chunk of the data set with one bit changed, whenever it is asked for.
 */
export type FaultKind = 'exit' | 'hang' | 'nan' | 'flip' | 'slow' | 'chunk';

export interface Fault {
  readonly kind: FaultKind;
  /** Number of the update at whose beginning it happens (`flip`: after which), or of the chunk, from 1. */
  readonly update: number;
  /** Name of the worker; the coordinator's is {@link COORDINATOR_FAULT}. */
  readonly worker: string;
  /** It has happened; an update may be done again. */
  isSpent: boolean;
}

/** Whom a fault of the coordinator names. */
export const COORDINATOR_FAULT = 'coordinator';

const PATTERN = /^(exit|hang|nan|flip|slow|chunk)@([1-9]\d{0,8}):([\w.-]+)$/;

/**
 * Reads `GANTRY_FAULT`, e.g. `hang@120:worker-1`. For tests only (docs/testing.md).
 *
 * @returns null if it is unset or names somebody else
 * @throws GantryError GANTRY_USAGE if it cannot be read
 */
export function parseFault(text: string | undefined, worker: string): Fault | null {
  if (text === undefined || text === '') return null;
  const match = PATTERN.exec(text);
  if (match === null) {
    throw new GantryError(
      'GANTRY_USAGE',
      `GANTRY_FAULT=${text}: expected KIND@UPDATE:WORKER with KIND exit, hang, nan, flip, slow or chunk`,
    );
  }
  const [, kind, update, name] = match;
  return name === worker ? { kind: kind as FaultKind, update: Number(update), worker, isSpent: false } : null;
}
