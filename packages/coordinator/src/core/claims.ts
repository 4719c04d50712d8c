import type { Joined } from '@gantry/common';
import { GENERATIONS_MISSING_MAX } from './constants.js';
import type { Refusal } from './refusal.js';
import type { CoordinatorState } from './state.js';
import { totalUpdates } from './stopping.js';

/** What a worker says of itself when it joins, and when it has paused. */
export type Claims = Pick<Joined, 'dataEndpoint' | 'dataKey' | 'heldGeneration' | 'heldUpdate'>;

/**
 * Why what a worker says of itself cannot be; null: it can. Believed, it would cost all the others: the next generation's number
 * and update follow from what is held, and nobody connects to a data socket of another kind than the own one.
 */
export function claimsRefusal(state: CoordinatorState, claims: Claims): Refusal | null {
  const problem = heldProblem(state, claims) ?? dataProblem(state, claims);
  return problem === null ? null : { code: 'GANTRY_PROTOCOL_INVALID', message: problem };
}

function heldProblem(state: CoordinatorState, { heldGeneration, heldUpdate }: Claims): string | null {
  const updates = totalUpdates(state);
  if (heldUpdate > updates) return `it says that it holds update ${heldUpdate}; the run has ${updates}`;
  if (heldGeneration <= state.generation + GENERATIONS_MISSING_MAX) return null;
  return `it says that it holds generation ${heldGeneration}; the run has come to generation ${state.generation}`;
}

function dataProblem({ settings }: CoordinatorState, { dataEndpoint, dataKey }: Claims): string | null {
  const { config, hasKeys } = settings;
  if (config.transport !== 'shm' && dataEndpoint === '') {
    return `it listens for no data, which transport ${config.transport} needs`;
  }
  // Within one host nothing is encrypted.
  const needsKey = hasKeys && dataEndpoint.startsWith('tcp:');
  if (needsKey === (dataKey !== '')) return null;
  return needsKey
    ? 'its data socket has no key, and this run has keys'
    : 'its data socket has a key, and those of this run have none';
}
