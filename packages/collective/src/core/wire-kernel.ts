import { BLOCK_FLOATS, memoryOf } from './kernel-memory.js';

// bf16 with the WebAssembly kernel. Each function returns how many values it has done: all but the last few, that make no full
// turn of the kernel's loops.

/** Floats that one turn of the loops converts. */
const LANES = 8;
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Rounds fp32 bits to bf16 in place. */
export function roundBlocks(bits: Uint32Array): number {
  const memory = memoryOf(bits);
  return eachBlock(bits.length, (start, end) => {
    const at = memory.read(bits, start, end, memory.floats);
    memory.kernel.round(at, at + (end - start) * FLOAT_BYTES);
    memory.write(bits, start, end, memory.floats);
  });
}

/** The upper halves of fp32 bits that are rounded to bf16. */
export function packBlocks(bits: Uint32Array, packed: Uint16Array): number {
  const memory = memoryOf(packed);
  return eachBlock(bits.length, (start, end) => {
    const at = memory.read(bits, start, end, memory.floats);
    memory.kernel.pack(at, at + (end - start) * FLOAT_BYTES, memory.addressOf(packed, start, memory.halves));
    memory.write(packed, start, end, memory.halves);
  });
}

/** The fp32 bits of bf16 values. */
export function unpackBlocks(packed: Uint16Array, into: Uint32Array): number {
  const memory = memoryOf(packed);
  return eachBlock(into.length, (start, end) => {
    const at = memory.addressOf(into, start, memory.floats);
    const from = memory.read(packed, start, end, memory.halves);
    memory.kernel.unpack(at, at + (end - start) * FLOAT_BYTES, from);
    memory.write(into, start, end, memory.floats);
  });
}

/** The fp32 bits of the sums of two bf16 vectors. */
export function addPackedBlocks(into: Uint32Array, left: Uint16Array, right: Uint16Array): number {
  const memory = memoryOf(left);
  return eachBlock(into.length, (start, end) => {
    const at = memory.addressOf(into, start, memory.floats);
    const first = memory.read(left, start, end, memory.halves);
    const second = memory.read(right, start, end, memory.others);
    memory.kernel.addPacked(at, at + (end - start) * FLOAT_BYTES, first, second);
    memory.write(into, start, end, memory.floats);
  });
}

/** The fp32 bits of the sums of the fp32 vector that `into` holds and a bf16 vector. */
export function accumulateBlocks(into: Uint32Array, packed: Uint16Array): number {
  const memory = memoryOf(packed);
  return eachBlock(into.length, (start, end) => {
    const at = memory.read(into, start, end, memory.floats);
    const from = memory.read(packed, start, end, memory.halves);
    memory.kernel.accumulate(at, at + (end - start) * FLOAT_BYTES, from);
    memory.write(into, start, end, memory.floats);
  });
}

function eachBlock(length: number, convert: (start: number, end: number) => void): number {
  const whole = length - (length % LANES);
  for (let start = 0; start < whole; start += BLOCK_FLOATS) convert(start, Math.min(whole, start + BLOCK_FLOATS));
  return whole;
}
