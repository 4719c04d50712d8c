import { add } from '@gantry/engine/tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * Where the tree over a range of `length` leaves splits: the largest power of two below `length`. The same tree as
 * `@gantry/collective` sums along, so that it never matters who adds.
 */
export function splitPoint(length: number): number {
  let power = 1;
  while (power * 2 < length) power *= 2;
  return power;
}

/** Sums tensors of one shape along the fixed tree over their index. */
export function treeSum(tensors: readonly Tensor[]): Tensor {
  if (tensors.length === 1) return tensors[0]!;
  const split = splitPoint(tensors.length);
  return add(treeSum(tensors.slice(0, split)), treeSum(tensors.slice(split)));
}
