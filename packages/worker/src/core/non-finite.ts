import { GantryError, type Layout } from '@gantry/common';

/** A shard's gradient, or the finished sum where single shards cannot be told apart any more. */
export interface GradientVector {
  /** null: the sum over all shards. */
  readonly shard: number | null;
  readonly values: Float32Array;
}

export interface NonFinitePlace {
  readonly shard: number | null;
  readonly tensor: string;
}

/** The first tensor, by shard, then by layout, that holds a NaN or an infinity; null: all are finite. */
export function findNonFinite(vectors: readonly GradientVector[], layout: Layout): NonFinitePlace | null {
  for (const { shard, values } of vectors) {
    for (const { name, offset, length } of layout.entries) {
      for (let index = offset; index < offset + length; index++) {
        if (!Number.isFinite(values[index])) return { shard, tensor: name };
      }
    }
  }
  return null;
}

/**
 * In which order own shards are looked at. A member that sends sums of its subtrees forms them in place: after that, a
 * shard's vector is the sum of it and of shards behind it. Looked at from the end, the first one that is not finite has
 * only finite ones behind it, so the trouble is its own.
 */
export function blameOrder(shards: readonly number[], areSummed: boolean): readonly number[] {
  return areSummed ? [...shards].reverse() : shards;
}

/** What is known of a step whose numbers ran away. */
export interface NonFiniteReport {
  /** `the gradient` or `discriminatorLoss`. */
  readonly what: string;
  readonly network: string;
  readonly step: number;
  readonly update: number;
  readonly worker: string;
  readonly place: NonFinitePlace | null;
}

/** GANTRY_NON_FINITE, naming step, network, shard and tensor. */
export function nonFiniteError({ what, network, step, update, worker, place }: NonFiniteReport): GantryError {
  const shard = place?.shard ?? null;
  const tensor = place === null ? '' : `, tensor ${network}/${place.tensor}`;
  const where = shard === null ? 'the sum over all shards' : `shard ${shard}`;
  return new GantryError(
    'GANTRY_NON_FINITE',
    `${what} is not finite at step ${step + 1} (update ${update} of the ${network}) in ${where}${tensor}; ` +
      'the last committed state is unharmed. Lower --learning-rate, or look at the data',
    { details: { step: step + 1, update, network, shard, tensor: place?.tensor ?? null, worker } },
  );
}
