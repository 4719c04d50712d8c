import { diffConfig, GantryError, type RunConfig } from '@gantry/common';
import type { CheckpointRecord } from '../core/events.js';
import { type Checkpoint, readCheckpoint } from './checkpoint-reader.js';

/**
 * Refuses to go on with a configuration that would give other weights. Workers, transport, topology, the number of steps and
 * the like change no bit and may differ.
 *
 * @param allowNumbers Lets changes through that keep the state valid and change the numbers: engine, device, learning rate, loss, penalty.
 * @throws GantryError GANTRY_CONFIG_CHANGED naming every key, its value then and now.
 */
export function checkUnchanged(before: RunConfig, now: RunConfig, allowNumbers: boolean): void {
  const changes = diffConfig(before, now).filter(
    ({ effect }) => effect === 'breaks' || (effect === 'numbers' && !allowNumbers),
  );
  if (changes.length === 0) return;
  const show = (value: unknown): string => JSON.stringify(value) ?? 'unset';
  const list = changes.map(({ key, from, to }) => `${key} was ${show(from)}, is ${show(to)}`).join('; ');
  const remedy = changes.some(({ effect }) => effect === 'breaks')
    ? 'or begin a new run with another --out'
    : 'or add --resume-with-changes if it need not be bit for bit the undisturbed run';
  const message = `the run cannot go on with another configuration: ${list}. Take the values that it began with, ${remedy}`;
  throw new GantryError('GANTRY_CONFIG_CHANGED', message, {
    details: { keys: changes.map(({ key }) => key).join(', ') },
  });
}

/** A run that is further than it shall go. @throws GantryError GANTRY_USAGE */
export function checkSteps(found: Checkpoint | null, { steps }: RunConfig): void {
  if (found === null || found.manifest.step <= steps) return;
  const message = `the run has ${found.manifest.step} steps already, more than --steps ${steps}; take a larger number to train longer`;
  throw new GantryError('GANTRY_USAGE', message, { details: { step: found.manifest.step, steps } });
}

/** The newest sound checkpoint; null: the run was ended before its first. */
export async function findCheckpoint(runDirectory: string): Promise<Checkpoint | null> {
  try {
    return await readCheckpoint(runDirectory);
  } catch (error) {
    if (error instanceof GantryError && error.code === 'GANTRY_CHECKPOINT_NOT_FOUND') return null;
    throw error;
  }
}

export function recordOf({ manifest, path }: Checkpoint): CheckpointRecord {
  const { update, step, stateSha256 } = manifest;
  return { update, step, stateSha256, path };
}
