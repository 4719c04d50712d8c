import type { RunConfig } from '../config-types.js';

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
    key: 'discriminatorUpdates',
    broken: ({ updates, discriminatorUpdates }) =>
      updates === 'alternating' || discriminatorUpdates === 1
        ? undefined
        : 'must be 1 with simultaneous updates, which are one D and one G update from one forward pass',
  },
];

/** Batches near `batch` that `shards` divides, as advice. */
function divisible(batch: number, shards: number): string {
  const below = Math.floor(batch / shards) * shards;
  const choices = below > 0 ? [below, below + shards] : [shards];
  return `--batch ${choices.join(' or ')}, or other --shards`;
}
