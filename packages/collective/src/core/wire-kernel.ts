import { WIRE_KERNEL_CODE } from './wire-kernel-code.js';

/** Floats that are converted at once: they and their halves lie in the fastest cache. */
const BLOCK_FLOATS = 4_096;
const PACKED_AT = BLOCK_FLOATS * Float32Array.BYTES_PER_ELEMENT;
const OTHER_AT = PACKED_AT + BLOCK_FLOATS * Uint16Array.BYTES_PER_ELEMENT;
/** Floats that one turn of the kernel's loops converts. */
const LANES = 8;

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  roundAndPack(floats: number, end: number, packed: number): void;
  pack(floats: number, end: number, packed: number): void;
  unpack(floats: number, end: number, packed: number): void;
  accumulate(floats: number, end: number, packed: number): void;
  addPacked(floats: number, end: number, left: number, right: number): void;
}

/** What is used of it: neither the language's library nor Node's types declare it. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

const kernel = instantiate();
const floats = new Uint32Array(kernel.memory.buffer, 0, BLOCK_FLOATS);
const halves = new Uint16Array(kernel.memory.buffer, PACKED_AT, BLOCK_FLOATS);
const others = new Uint16Array(kernel.memory.buffer, OTHER_AT, BLOCK_FLOATS);

function instantiate(): Kernel {
  const code = Uint8Array.from(atob(WIRE_KERNEL_CODE), (char) => char.charCodeAt(0));
  return new WebAssembly.Instance(new WebAssembly.Module(code)).exports as Kernel;
}

/**
 * Rounds fp32 bits to bf16 in place, and writes the upper halves into `packed` unless it is null.
 * @returns how many it has done: all but the last few, that make no full turn of the loop
 */
export function roundBlocks(bits: Uint32Array, packed: Uint16Array | null): number {
  return eachBlock(bits.length, (start, end) => {
    const count = end - start;
    floats.set(bits.subarray(start, end));
    kernel.roundAndPack(0, count * Float32Array.BYTES_PER_ELEMENT, PACKED_AT);
    bits.set(floats.subarray(0, count), start);
    packed?.set(halves.subarray(0, count), start);
  });
}

/**
 * The upper halves of fp32 bits that are rounded to bf16.
 * @returns how many it has done, as {@link roundBlocks}
 */
export function packBlocks(bits: Uint32Array, packed: Uint16Array): number {
  return eachBlock(bits.length, (start, end) => {
    const count = end - start;
    floats.set(bits.subarray(start, end));
    kernel.pack(0, count * Float32Array.BYTES_PER_ELEMENT, PACKED_AT);
    packed.set(halves.subarray(0, count), start);
  });
}

/**
 * The fp32 bits of the sums of two bf16 vectors.
 * @returns how many it has done, as {@link roundBlocks}
 */
export function addPackedBlocks(into: Uint32Array, left: Uint16Array, right: Uint16Array): number {
  return eachBlock(into.length, (start, end) => {
    const count = end - start;
    halves.set(left.subarray(start, end));
    others.set(right.subarray(start, end));
    kernel.addPacked(0, count * Float32Array.BYTES_PER_ELEMENT, PACKED_AT, OTHER_AT);
    into.set(floats.subarray(0, count), start);
  });
}

/**
 * The fp32 bits of the sums of an fp32 and a bf16 vector. `into` may be `bits`.
 * @returns how many it has done, as {@link roundBlocks}
 */
export function accumulateBlocks(into: Uint32Array, bits: Uint32Array, packed: Uint16Array): number {
  return eachBlock(into.length, (start, end) => {
    const count = end - start;
    floats.set(bits.subarray(start, end));
    halves.set(packed.subarray(start, end));
    kernel.accumulate(0, count * Float32Array.BYTES_PER_ELEMENT, PACKED_AT);
    into.set(floats.subarray(0, count), start);
  });
}

/**
 * The fp32 bits of bf16 values. `packed` may be the upper half of `into` itself.
 * @returns how many it has done, as {@link roundBlocks}
 */
export function unpackBlocks(packed: Uint16Array, into: Uint32Array): number {
  return eachBlock(into.length, (start, end) => {
    const count = end - start;
    halves.set(packed.subarray(start, end));
    kernel.unpack(0, count * Float32Array.BYTES_PER_ELEMENT, PACKED_AT);
    into.set(floats.subarray(0, count), start);
  });
}

function eachBlock(length: number, convert: (start: number, end: number) => void): number {
  const whole = length - (length % LANES);
  for (let start = 0; start < whole; start += BLOCK_FLOATS) convert(start, Math.min(whole, start + BLOCK_FLOATS));
  return whole;
}
