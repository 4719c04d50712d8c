import { alignFloats, assert, NETWORKS, type NetworkName } from '@gantry/common';
import { CACHE_LINE_BYTES } from '../constants.js';

/** What one host's memory has room for. Equal for all of its processes. */
export interface HostMemoryPlan {
  readonly members: number;
  /** Shards whose partials lie here: those of the members that share this memory. */
  readonly shards: number;
  /** Floats of one image of the training state. */
  readonly stateFloats: number;
  /** Floats of each network's gradient. */
  readonly vectorFloats: Readonly<Record<NetworkName, number>>;
  /** Room for the finished sums, which one host's members get from other hosts. @default false */
  readonly sums?: boolean;
}

/** Where everything lies, in bytes from the start; every part begins on a cache line. */
export interface HostMemoryLayout {
  /** int32 words: magic, plan hash. */
  readonly header: number;
  /** int32 word: what the members have decided; see HostExchange. */
  readonly decision: number;
  /** By member, a line each: int32 words `sequence`, `waiters`. */
  readonly ready: readonly number[];
  readonly summed: readonly number[];
  readonly applied: readonly number[];
  readonly images: readonly [number, number];
  /** By network, by shard. */
  readonly partials: Readonly<Record<NetworkName, readonly number[]>>;
  /** By network; nothing is there where the plan has no sums. */
  readonly sums: Readonly<Record<NetworkName, number>>;
  readonly byteLength: number;
}

export function layoutHostMemory(plan: HostMemoryPlan): HostMemoryLayout {
  assert(plan.members >= 1 && plan.shards >= 0, 'a host has at least one member');
  let next = 0;
  const take = (bytes: number): number => {
    const at = next;
    next += Math.max(CACHE_LINE_BYTES, Math.ceil(bytes / CACHE_LINE_BYTES) * CACHE_LINE_BYTES);
    return at;
  };
  const takeFloats = (floats: number): number => take(alignFloats(floats) * Float32Array.BYTES_PER_ELEMENT);
  const each = (count: number, make: () => number): number[] => Array.from({ length: count }, make);
  const header = take(CACHE_LINE_BYTES);
  const decision = take(CACHE_LINE_BYTES);
  const ready = each(plan.members, () => take(CACHE_LINE_BYTES));
  const summed = each(plan.members, () => take(CACHE_LINE_BYTES));
  const applied = each(plan.members, () => take(CACHE_LINE_BYTES));
  const images: [number, number] = [takeFloats(plan.stateFloats), takeFloats(plan.stateFloats)];
  const partials = { discriminator: [] as number[], generator: [] as number[] };
  for (const network of NETWORKS) partials[network] = each(plan.shards, () => takeFloats(plan.vectorFloats[network]));
  const sumsOf = (network: NetworkName): number => takeFloats(plan.sums === true ? plan.vectorFloats[network] : 0);
  const sums = { discriminator: sumsOf('discriminator'), generator: sumsOf('generator') };
  return { header, decision, ready, summed, applied, images, partials, sums, byteLength: next };
}

/** A 32-bit hash (FNV-1a) of a plan, by which a process notices that it opened another plan's memory. Never 0. */
export function hashPlan(plan: HostMemoryPlan): number {
  const numbers = [
    plan.members,
    plan.shards,
    plan.stateFloats,
    Number(plan.sums ?? false),
    ...NETWORKS.map((network) => plan.vectorFloats[network]),
  ];
  let hash = 0x811c9dc5;
  for (const number of numbers) hash = Math.imul(hash ^ number, 0x01000193);
  return hash | 1;
}
