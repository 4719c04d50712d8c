import type { RunConfig } from '../config-types.js';
import { LIMITS } from './schema.js';

/** A rule over several settings; `key` is the one whose source is named. */
export interface CrossCheck {
  readonly key: keyof RunConfig;
  broken(config: RunConfig): string | undefined;
}

/** What one setting demands of another. Each says what to do. */
export const CROSS_CHECKS: readonly CrossCheck[] = [
  {
    key: 'shards',
    broken: ({ batch, shards }) =>
      batch % shards === 0 ? undefined : `does not divide the batch of ${batch}: take ${divisible(batch, shards)}`,
  },
  {
    key: 'workers',
    broken: ({ workers, shards }) =>
      workers <= shards
        ? undefined
        : `is more than the shards (${shards}): a worker needs one at least. Raise --shards`,
  },
  {
    key: 'minWorkers',
    broken: ({ workers, minWorkers }) =>
      minWorkers <= workers ? undefined : `is more than --workers ${workers}, with which the run begins`,
  },
  {
    key: 'maxWorkers',
    broken: ({ workers, shards, maxWorkers }) => {
      if (maxWorkers < workers) return `is less than --workers ${workers}, with which the run begins`;
      return maxWorkers <= shards ? undefined : `is more than the shards (${shards}): raise --shards`;
    },
  },
  {
    key: 'discriminatorUpdates',
    broken: ({ updates, discriminatorUpdates }) =>
      updates === 'alternating' || discriminatorUpdates === 1
        ? undefined
        : 'must be 1 with simultaneous updates, which are one D and one G update from one forward pass',
  },
  {
    key: 'steps',
    broken: ({ steps, updates, discriminatorUpdates }) => {
      const most = Math.floor(LIMITS.updates / (updates === 'alternating' ? discriminatorUpdates + 1 : 1));
      return steps <= most ? undefined : `are more than the ${most} that updates can be counted for`;
    },
  },
];

/** Batches near `batch` that `shards` divides, as advice. */
function divisible(batch: number, shards: number): string {
  const below = Math.floor(batch / shards) * shards;
  const choices = below > 0 ? [below, below + shards] : [shards];
  return `--batch ${choices.join(' or ')}, or other --shards`;
}
