import { NETWORKS, type WireType } from '@gantry/common';
import type { HostMemoryPlan } from '../core/host-layout.js';
import type { KernelMemory } from '../core/kernel-memory.js';
import { isPacked } from '../core/wire.js';
import { alignedMemory } from './aligned.js';

/** Gives memory for payloads and sums: the kernel's own while there is room, so that it need not copy them, and any other after that. */
export class PayloadMemory {
  readonly #kernel: KernelMemory | null;

  constructor(kernel: KernelMemory | null) {
    this.#kernel = kernel;
  }

  floats(length: number): Float32Array {
    const { buffer, byteOffset } = this.#take(length * Float32Array.BYTES_PER_ELEMENT);
    return new Float32Array(buffer, byteOffset, length);
  }

  halves(length: number): Uint16Array {
    const { buffer, byteOffset } = this.#take(length * Uint16Array.BYTES_PER_ELEMENT);
    return new Uint16Array(buffer, byteOffset, length);
  }

  #take(byteLength: number): { readonly buffer: ArrayBuffer; readonly byteOffset: number } {
    return this.#kernel?.take(byteLength) ?? alignedMemory(byteLength);
  }
}

/**
 * Bytes that an exchange of so many members takes of the kernel's memory: for the sums, and for one packed gradient of every
 * own shard and of every member. With fp32 the kernel has nothing to do.
 */
export function payloadBytes(
  { vectorFloats, shards }: Pick<HostMemoryPlan, 'vectorFloats' | 'shards'>,
  members: number,
  wire: WireType,
): number {
  if (!isPacked(wire)) return 0;
  const floats = NETWORKS.reduce((sum, network) => sum + vectorFloats[network], 0);
  return floats * (Float32Array.BYTES_PER_ELEMENT + (shards + members) * Uint16Array.BYTES_PER_ELEMENT);
}
