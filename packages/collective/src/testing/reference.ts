import { splitPoint } from '../core/tree.js';

/** A reproducible vector of awkward floats: many magnitudes, both signs, so that another order of sums shows in the bits. */
export function fillAwkward(into: Float32Array, seed: number): void {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  for (let index = 0; index < into.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    into[index] = (state / 2 ** 31) * 2 ** ((state >>> 8) & 15);
  }
}

/** What the seed of one shard's gradient is. */
export function gradientSeed(options: { update: number; network: number; shard: number }): number {
  return options.update * 4096 + options.network * 1024 + options.shard;
}

/** The tree sum, one scalar addition at a time, rounded to fp32 each: the oracle of every exchange. */
export function referenceSum(shards: readonly Float32Array[]): Float32Array {
  if (shards.length === 1) return shards[0]!;
  const middle = splitPoint(shards.length);
  const left = referenceSum(shards.slice(0, middle));
  const right = referenceSum(shards.slice(middle));
  return left.map((value, index) => Math.fround(value + right[index]!));
}
