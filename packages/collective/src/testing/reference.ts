import { createHash } from 'node:crypto';
import { NETWORKS, type NetworkName, type WireType } from '@gantry/common';
import { splitPoint } from '../core/tree.js';
import { roundToWire } from '../core/wire.js';

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

/** By update: SHA-256 of the sums that all members have to end with. */
export function expectedSums({
  updates,
  vectorFloats,
  shards,
  wire,
}: {
  readonly updates: readonly (readonly NetworkName[])[];
  readonly vectorFloats: Readonly<Record<NetworkName, number>>;
  readonly shards: number;
  readonly wire: WireType;
}): string[] {
  return updates.map((networks, index) => {
    const hash = createHash('sha256');
    for (const network of networks) {
      const gradients = Array.from({ length: shards }, (_, shard) => {
        const gradient = new Float32Array(vectorFloats[network]);
        fillAwkward(gradient, gradientSeed({ update: index + 1, network: NETWORKS.indexOf(network), shard }));
        roundToWire(gradient, wire);
        return gradient;
      });
      hash.update(referenceSum(gradients));
    }
    return hash.digest('hex');
  });
}
