import { reduceOrder } from '@gantry/collective/core';
import { createLayout, type NetworkName, type RunConfig, type StateLayout } from '@gantry/common';
import { commitsBefore, planUpdate, totalUpdates } from '@gantry/gan';
import { parityAfter } from '@gantry/worker/core';

/** Floats of each network: two segments of one cache line and a part of one. */
export const VECTOR_FLOATS: Readonly<Record<NetworkName, number>> = { discriminator: 20, generator: 18 };
const OFFSETS: Readonly<Record<NetworkName, number>> = { discriminator: 0, generator: VECTOR_FLOATS.discriminator };

/** Parameters only: what else a state holds changes nothing in how it travels. */
export const STATE_LAYOUT: StateLayout = {
  length: VECTOR_FLOATS.discriminator + VECTOR_FLOATS.generator,
  sections: (['discriminator', 'generator'] as const).map((network) => ({
    network,
    role: 'params',
    offset: OFFSETS[network],
    length: VECTOR_FLOATS[network],
    layout: createLayout([{ name: 'kernel', shape: [VECTOR_FLOATS[network]] }]),
  })),
};

function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** In [-1, 1). */
function noise(a: number, b: number, c: number): number {
  return mix(mix(mix(0x2545f491, a), b), c) / 2 ** 31;
}

export function initialState(): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: STATE_LAYOUT.length }, (_, index) => noise(1, 2, index));
}

/** One shard's gradient: of the update, the shard and all weights. `update` counts from 0. */
export function writeGradient(
  into: Float32Array,
  of: { readonly update: number; readonly shard: number; readonly network: NetworkName },
  weights: readonly Float32Array[],
): void {
  const salt = of.network === 'generator' ? 7919 : 104729;
  let sum = 0;
  for (const part of weights) for (let at = 0; at < part.length; at += 3) sum = Math.fround(sum + part[at]!);
  for (let at = 0; at < into.length; at++) {
    into[at] = noise(of.update * 31 + salt, of.shard, at) * 0.7 + sum * 0.01;
  }
}

/** The update of floats [start, end): a little of the old, something of the sum. */
export function applyUpdate(
  from: Float32Array,
  to: Float32Array,
  { partials, start, end, shards }: { partials: readonly Float32Array[]; start: number; end: number; shards: number },
): void {
  for (let at = start; at < end; at++) {
    to[at] = from[at]! * 0.97 - (treeSum(partials, at) / shards) * 0.3;
  }
}

const orders = new Map<number, readonly { left: number; right: number }[]>();
const scratch = new Float32Array(64);

function treeSum(partials: readonly Float32Array[], at: number): number {
  const count = partials.length;
  if (count === 1) return partials[0]![at]!;
  let order = orders.get(count);
  if (order === undefined) {
    const leaves = Array.from({ length: count }, (_, start) => ({ start, end: start + 1 }));
    order = reduceOrder(leaves, { start: 0, end: count });
    orders.set(count, order);
  }
  for (let index = 0; index < count; index++) scratch[index] = partials[index]![at]!;
  for (const { left, right } of order) scratch[left] = scratch[left]! + scratch[right]!;
  return scratch[0]!;
}

/** Sixteen hexadecimal digits of a state; here they take the place of its SHA-256. */
export function hashState(sections: readonly Float32Array[]): string {
  let a = 0x811c9dc5;
  let b = 0x1b873593;
  for (const section of sections) {
    const words = new Int32Array(section.buffer, section.byteOffset, section.length);
    for (let at = 0; at < words.length; at++) {
      a = mix(a, words[at]!);
      b = Math.imul(b ^ words[at]!, 0x01000193);
    }
  }
  return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
}

const references = new Map<string, readonly string[]>();

/** By update: the hash of the state of a run that nothing disturbs, computed by one member. */
export function referenceHashes(config: RunConfig): readonly string[] {
  const key = `${config.updates} ${config.discriminatorUpdates} ${config.shards} ${config.steps}`;
  const known = references.get(key);
  if (known !== undefined) return known;
  const hashes = undisturbed(config);
  references.set(key, hashes);
  return hashes;
}

function undisturbed(config: RunConfig): readonly string[] {
  const { shards } = config;
  const state = initialState();
  const view = (network: NetworkName) => state.subarray(OFFSETS[network], OFFSETS[network] + VECTOR_FLOATS[network]);
  const weights = [view('discriminator'), view('generator')];
  const hashes = [hashState(weights)];
  for (let update = 0; update < totalUpdates(config); update++) {
    const { networks } = planUpdate(update, config);
    const partials = networks.map((network) =>
      Array.from({ length: shards }, (_, shard) => {
        const gradient = new Float32Array(VECTOR_FLOATS[network]);
        writeGradient(gradient, { update, shard, network }, weights);
        return gradient;
      }),
    );
    networks.forEach((network, index) => {
      const section = view(network);
      applyUpdate(section.slice(), section, { partials: partials[index]!, start: 0, end: section.length, shards });
    });
    hashes.push(hashState(weights));
  }
  return hashes;
}

export function parityOf(update: number, config: RunConfig) {
  return parityAfter(commitsBefore(update, config));
}
