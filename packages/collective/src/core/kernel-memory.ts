import { assert } from '@gantry/common';
import { WIRE_KERNEL_CODE } from './wire-kernel-code.js';

/** Floats that are converted at once: where they have to be copied, they and their halves lie in the fastest cache. */
export const BLOCK_FLOATS = 4_096;
const HALVES_AT = BLOCK_FLOATS * Float32Array.BYTES_PER_ELEMENT;
const OTHERS_AT = HALVES_AT + BLOCK_FLOATS * Uint16Array.BYTES_PER_ELEMENT;
const BLOCKS_END = OTHERS_AT + BLOCK_FLOATS * Uint16Array.BYTES_PER_ELEMENT;
const PAGE_BYTES = 65_536;
const PAGES_MAX = 65_535;
const ALIGNMENT_BYTES = 64;

/** The kernel's functions, over addresses in its memory: see `wire-kernel.wat`. */
export interface Kernel {
  round(floats: number, end: number): void;
  pack(floats: number, end: number, packed: number): void;
  unpack(floats: number, end: number, packed: number): void;
  accumulate(floats: number, end: number, packed: number): void;
  addPacked(floats: number, end: number, left: number, right: number): void;
}

/** What is used of it: neither the language's library nor Node's types declare it. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

const code = new WebAssembly.Module(Uint8Array.from(atob(WIRE_KERNEL_CODE), (char) => char.charCodeAt(0)));
const memories = new WeakMap<ArrayBufferLike, KernelMemory>();

/** A block of the memory into which values are copied that lie elsewhere. */
type Block = Uint32Array | Uint16Array;

/**
 * Memory in which the kernel works on values where they lie. Those that lie elsewhere are copied to a block and back. What is
 * taken is not given back: it ends with the whole. Pages that nobody has touched cost nothing.
 */
export class KernelMemory {
  readonly kernel: Kernel;
  readonly floats: Block;
  readonly halves: Block;
  /** For a second packed operand. */
  readonly others: Block;
  readonly #buffer: ArrayBuffer;
  #next = BLOCKS_END;

  private constructor(pages: number) {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.kernel = new WebAssembly.Instance(code, { host: { memory } }).exports as Kernel;
    this.#buffer = memory.buffer;
    this.floats = new Uint32Array(memory.buffer, 0, BLOCK_FLOATS);
    this.halves = new Uint16Array(memory.buffer, HALVES_AT, BLOCK_FLOATS);
    this.others = new Uint16Array(memory.buffer, OTHERS_AT, BLOCK_FLOATS);
    memories.set(memory.buffer, this);
  }

  /** Memory of which so many bytes can be taken; null: there is none, or it would be more than 4 GiB. */
  static make(byteLength: number): KernelMemory | null {
    const pages = Math.ceil((BLOCKS_END + byteLength) / PAGE_BYTES);
    if (pages > PAGES_MAX) return null;
    try {
      return new KernelMemory(pages);
    } catch {
      return null;
    }
  }

  /** The memory in which the values lie; null: in another one. */
  static of(values: Float32Array | Uint32Array | Uint16Array): KernelMemory | null {
    return memories.get(values.buffer) ?? null;
  }

  /** Zeroed memory that begins on a cache line; null: there is no room left. */
  take(byteLength: number): { readonly buffer: ArrayBuffer; readonly byteOffset: number } | null {
    const byteOffset = this.#next;
    const next = byteOffset + Math.ceil(byteLength / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    if (next > this.#buffer.byteLength) return null;
    this.#next = next;
    return { buffer: this.#buffer, byteOffset };
  }

  /** Where the kernel is to find or to put a block's worth of `values` from `start` on. */
  addressOf(values: Uint32Array | Uint16Array, start: number, block: Block): number {
    return this.#has(values) ? values.byteOffset + start * values.BYTES_PER_ELEMENT : block.byteOffset;
  }

  /** Before the kernel reads: copies values that lie elsewhere. */
  read(values: Uint32Array | Uint16Array, start: number, end: number, block: Block): number {
    if (!this.#has(values)) block.set(values.subarray(start, end));
    return this.addressOf(values, start, block);
  }

  /** After the kernel has written to {@link addressOf}: copies values that belong elsewhere. */
  write(values: Uint32Array | Uint16Array, start: number, end: number, block: Block): void {
    if (!this.#has(values)) values.set(block.subarray(0, end - start), start);
  }

  #has(values: Uint32Array | Uint16Array): boolean {
    return values.buffer === this.#buffer;
  }
}

const common = KernelMemory.make(0);
assert(common !== null, 'WebAssembly has memory of a few pages');

/** The memory that the values lie in, or one through which they are copied. */
export function memoryOf(values: Uint32Array | Uint16Array): KernelMemory {
  return KernelMemory.of(values) ?? common!;
}
