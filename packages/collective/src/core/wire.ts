import type { WireType } from '@gantry/common';
import { accumulateBlocks, addPackedBlocks, packBlocks, roundBlocks, unpackBlocks } from './wire-kernel.js';

/** A wire type of two bytes a value. */
export type PackedWire = Exclude<WireType, 'fp32'>;

/** What travels, and what is added: floats, or packed values of two bytes. */
export type Payload = Float32Array | Uint16Array;

const EXPONENT_MASK = 0x7f80_0000;
const SIGN_MASK = 0x8000_0000;
/** Makes a NaN quiet, so that the cut does not leave the bits of an infinity. */
const BF16_QUIET = 0x0040;
const HALF_INFINITY = 0x7c00;
const HALF_NAN = 0x7e00;
/** 2¹⁶ as fp32 bits: from here on nothing is finite in fp16. What lies between 65520 and it carries into infinity. */
const HALF_OVERFLOW = 0x4780_0000;
/** 2⁻¹⁴ as fp32 bits: the smallest normal fp16. */
const HALF_NORMAL_MIN = 0x3880_0000;
/** 0.5 as fp32 bits: one unit in its last place is 2⁻²⁴, the subnormal step of fp16, so adding it rounds to that step. */
const HALF_BITS = 0x3f00_0000;
/** Exponent bias 127 to 15, as an amount to take from fp32 bits. */
const HALF_REBIAS = 112 << 23;
const HALF_SHIFT = 13;
const HALF_BELOW_TIE = 0xfff;

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** fp32 bits of every fp16. */
const HALF_TO_BITS = Uint32Array.from({ length: 0x1_0000 }, (_, half) => bitsOfHalf(half));
const HALF_TO_FLOAT = new Float32Array(HALF_TO_BITS.buffer);

/** Whether a gradient of this wire type may travel in two bytes a value. */
export function isPacked(wire: WireType): wire is PackedWire {
  return wire !== 'fp32';
}

/**
 * Rounds a shard's gradient, in place, to the nearest values of the wire type, ties to even. It is done once, at the leaf,
 * so that sums do not depend on who computes them. Beyond the range of fp16 (65504) values become infinite; NaN stays NaN.
 * Rounding again changes nothing.
 */
export function roundToWire(vector: Float32Array, wire: WireType): void {
  if (wire === 'fp32') return;
  const bits = bitsOf(vector);
  const { length } = bits;
  if (wire === 'bf16') {
    for (let index = roundBlocks(bits); index < length; index++) bits[index] = bf16Of(bits[index]!) << 16;
  } else for (let index = 0; index < length; index++) bits[index] = HALF_TO_BITS[halfOf(bits[index]!)]!;
}

/** Two bytes for every value of a vector, rounded as {@link roundToWire} does. */
export function pack(vector: Float32Array, wire: PackedWire, packed: Uint16Array): void {
  const bits = bitsOf(vector);
  const { length } = bits;
  if (wire === 'bf16') {
    for (let index = packBlocks(bits, packed); index < length; index++) packed[index] = bf16Of(bits[index]!);
  } else for (let index = 0; index < length; index++) packed[index] = halfOf(bits[index]!);
}

/**
 * `out[i] = left[i] + right[i]` with one operand packed, or both: the bits of unpacking first and adding then. `out` may be
 * an operand.
 */
export function addPacked(out: Float32Array, left: Payload, right: Payload, wire: PackedWire): void {
  if (left instanceof Float32Array) accumulate(out, left, right as Uint16Array, wire);
  else if (right instanceof Float32Array) accumulate(out, right, left, wire);
  else addBothPacked(out, left, right, wire);
}

function addBothPacked(out: Float32Array, left: Uint16Array, right: Uint16Array, wire: PackedWire): void {
  const { length } = out;
  const toFloat = wire === 'bf16' ? floatOfBf16 : floatOfHalf;
  let index = wire === 'bf16' ? addPackedBlocks(bitsOf(out), left, right) : 0;
  for (; index < length; index++) out[index] = toFloat(left[index]!) + toFloat(right[index]!);
}

function accumulate(out: Float32Array, vector: Float32Array, packed: Uint16Array, wire: PackedWire): void {
  const { length } = out;
  const toFloat = wire === 'bf16' ? floatOfBf16 : floatOfHalf;
  if (vector !== out) out.set(vector);
  let index = wire === 'bf16' ? accumulateBlocks(bitsOf(out), packed) : 0;
  for (; index < length; index++) out[index] = out[index]! + toFloat(packed[index]!);
}

/** The floats of packed values. */
export function unpack(packed: Uint16Array, wire: PackedWire, into: Float32Array): void {
  const bits = bitsOf(into);
  const { length } = bits;
  if (wire === 'bf16') {
    for (let index = unpackBlocks(packed, bits); index < length; index++) bits[index] = packed[index]! << 16;
  } else for (let index = 0; index < length; index++) bits[index] = HALF_TO_BITS[packed[index]!]!;
}

function bitsOf(vector: Float32Array): Uint32Array {
  return new Uint32Array(vector.buffer, vector.byteOffset, vector.length);
}

function bf16Of(bits: number): number {
  if ((bits & ~SIGN_MASK) > EXPONENT_MASK) return (bits >>> 16) | BF16_QUIET;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function floatOfBf16(value: number): number {
  scratchBits[0] = value << 16;
  return scratchFloat[0]!;
}

function floatOfHalf(value: number): number {
  return HALF_TO_FLOAT[value]!;
}

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & ~SIGN_MASK;
  if (magnitude >= HALF_OVERFLOW) return sign | (magnitude > EXPONENT_MASK ? HALF_NAN : HALF_INFINITY);
  if (magnitude >= HALF_NORMAL_MIN) {
    const isOdd = (magnitude >>> HALF_SHIFT) & 1;
    return sign | ((magnitude - HALF_REBIAS + HALF_BELOW_TIE + isOdd) >>> HALF_SHIFT);
  }
  scratchBits[0] = magnitude;
  scratchFloat[0] = scratchFloat[0]! + 0.5;
  return sign | (scratchBits[0]! - HALF_BITS);
}

function bitsOfHalf(half: number): number {
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  const sign = half & 0x8000 ? SIGN_MASK : 0;
  if (exponent === 0x1f) return (sign | EXPONENT_MASK | (mantissa << HALF_SHIFT)) >>> 0;
  scratchFloat[0] = exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15);
  return (sign | scratchBits[0]!) >>> 0;
}
