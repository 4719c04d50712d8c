import type { VectorSum } from './vector-sum.js';

/**
 * Floats that one call of the kernel adds: 32 KiB of each operand, so that both stay in the first-level caches between the
 * copy in, the addition and the copy out.
 */
const BLOCK_FLOATS = 8192;
const BLOCK_BYTES = BLOCK_FLOATS * Float32Array.BYTES_PER_ELEMENT;
const PAGE_BYTES = 65_536;

/** Instructions and types of WebAssembly (core specification 2.0, section 5) that the kernel needs. */
const I32 = 0x7f;
const FUNCTION = 0x60;
const LOOP = 0x03;
const NO_RESULT = 0x40;
const BRANCH_IF = 0x0d;
const END = 0x0b;
const LOCAL_GET = 0x20;
const LOCAL_TEE = 0x22;
const I32_CONST = 0x41;
const I32_LESS = 0x49;
const I32_ADD = 0x6a;
const SIMD = 0xfd;
const V128_LOAD = [SIMD, 0x00];
const V128_STORE = [SIMD, 0x0b];
const F32X4_ADD = [SIMD, ...unsigned(0xe4)];
const ALIGNED_16 = 4;

/** The part of WebAssembly's JavaScript interface that is used: the ES libraries of TypeScript do not declare it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}
const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  add(bytes: number): void;
}

/**
 * A VectorSum of 128-bit additions in WebAssembly. The operands are copied through a block of its memory, which costs
 * little because the block stays in the cache; in return a call has next to no fixed cost, touches no other memory and
 * needs no native module. (onnxruntime-node 1.30
 * returns a fresh copy of every output, also of one that it was given, which makes its Add kernel 2 to 6 times slower.)
 */
export function createSimdVectorSum(): VectorSum {
  const { memory, add } = new Instance(new Module(kernelBytes())).exports as Kernel;
  const left = new Float32Array(memory.buffer, 0, BLOCK_FLOATS);
  const right = new Float32Array(memory.buffer, BLOCK_BYTES, BLOCK_FLOATS);
  const addBlock = (out: Float32Array, a: Float32Array, b: Float32Array): void => {
    const { length } = out;
    left.set(a);
    right.set(b);
    // A last turn may add what an earlier block left behind it: it is not copied out.
    add(length * Float32Array.BYTES_PER_ELEMENT);
    out.set(length === BLOCK_FLOATS ? left : left.subarray(0, length));
  };
  return {
    add(out, a, b) {
      const { length } = out;
      if (length <= BLOCK_FLOATS) {
        if (length > 0) addBlock(out, a, b);
        return;
      }
      for (let at = 0; at < length; at += BLOCK_FLOATS) {
        const end = Math.min(length, at + BLOCK_FLOATS);
        addBlock(out.subarray(at, end), a.subarray(at, end), b.subarray(at, end));
      }
    },
  };
}

/** `add(bytes)`: adds the block at BLOCK_BYTES to the block at 0, in turns of 16 floats. */
function kernelBytes(): Uint8Array<ArrayBuffer> {
  const limit = 0;
  const at = 1;
  const addVector = (offset: number): number[] => [
    ...[LOCAL_GET, at, LOCAL_GET, at, ...V128_LOAD, ALIGNED_16, ...unsigned(offset)],
    ...[LOCAL_GET, at, ...V128_LOAD, ALIGNED_16, ...unsigned(BLOCK_BYTES + offset)],
    ...[...F32X4_ADD, ...V128_STORE, ALIGNED_16, ...unsigned(offset)],
  ];
  // 64 as a signed LEB128 number takes two bytes.
  const next = [LOCAL_GET, at, I32_CONST, 0xc0, 0x00, I32_ADD, LOCAL_TEE, at, LOCAL_GET, limit, I32_LESS, BRANCH_IF, 0];
  const loop = [LOOP, NO_RESULT, ...[0, 16, 32, 48].flatMap(addVector), ...next, END];
  const body = [1, 1, I32, ...loop, END];
  const pages = Math.ceil((2 * BLOCK_BYTES) / PAGE_BYTES);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, FUNCTION, 1, I32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, pages]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('add'), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

function section(id: number, bytes: readonly number[]): number[] {
  return [id, ...unsigned(bytes.length), ...bytes];
}

function name(text: string): number[] {
  return [text.length, ...Array.from(text, (character) => character.charCodeAt(0))];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}
