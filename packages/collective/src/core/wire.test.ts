import { describe, expect, test } from 'vitest';
import { type PackedWire, packedHalf, roundAndPack, roundToWire, unpack } from './wire.js';

const floatOf = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0]!;
const bitsOf = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;
const rounded = (value: number, wire: PackedWire): number => {
  const vector = Float32Array.of(value);
  roundToWire(vector, wire);
  return vector[0]!;
};

/** Precision, in bits of mantissa, and the exponents of the largest and the smallest normal number. */
const FORMS = { bf16: { mantissa: 7, max: 127, min: -126 }, fp16: { mantissa: 10, max: 15, min: -14 } } as const;

/** The oracle: the definition in real arithmetic, exact in doubles. */
function nearest(value: number, wire: PackedWire): number {
  const { mantissa, max, min } = FORMS[wire];
  if (!Number.isFinite(value) || value === 0) return value;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), min);
  // log2 of a float just below a power of two may round up: the finer step is then the right one.
  const exact = Math.abs(value) < 2 ** exponent && exponent > min ? exponent - 1 : exponent;
  const step = 2 ** (exact - mantissa);
  const count = Math.abs(value) / step;
  const floor = Math.floor(count);
  const up = count - floor > 0.5 || (count - floor === 0.5 && floor % 2 === 1);
  const result = (floor + (up ? 1 : 0)) * step;
  return Math.sign(value) * (result >= 2 ** (max + 1) ? Number.POSITIVE_INFINITY : result);
}

/** Bits that lie at, beside and between everything: every upper half with the lower halves that decide. */
function* awkwardBits(): Generator<number> {
  const lows = [0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x3000, 0x7fff, 0x8000, 0x8001, 0xffff];
  for (let high = 0; high < 0x1_0000; high++) for (const low of lows) yield high * 0x1_0000 + low;
  let state = 12_345;
  for (let count = 0; count < 200_000; count++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

describe.each(['bf16', 'fp16'] as const)('%s', (wire) => {
  test('rounds to the nearest, ties to even, as the definition does, also subnormal numbers', () => {
    let wrong = 0;
    const bits = Uint32Array.from(awkwardBits());
    const given = new Float32Array(bits.buffer).slice();
    const vector = given.slice();
    roundToWire(vector, wire);
    for (let index = 0; index < given.length; index++) {
      if (!Object.is(vector[index], nearest(given[index]!, wire))) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test('packed and unpacked, in the same memory too, it is what rounding gives', () => {
    const vector = new Float32Array(Uint32Array.from(awkwardBits()).buffer);
    const expected = vector.slice();
    roundToWire(expected, wire);
    const packed = new Uint16Array(vector.length);
    roundAndPack(vector, wire, packed);
    const bytes = (of: Float32Array) => Buffer.from(of.buffer, of.byteOffset, of.byteLength);
    expect(bytes(vector).equals(bytes(expected))).toBe(true);
    const chunk = new Float32Array(vector.length);
    packedHalf(chunk).set(packed);
    unpack(packedHalf(chunk), wire, chunk);
    expect(bytes(chunk).equals(bytes(expected))).toBe(true);
    roundToWire(chunk, wire);
    expect(bytes(chunk).equals(bytes(expected))).toBe(true);
  });

  test('NaN stays NaN whatever its bits, infinities and the sign of zero stay', () => {
    for (const bits of [0x7f80_0001, 0x7fc0_0000, 0x7fff_ffff, 0xff80_0001, 0xffff_ffff]) {
      expect(rounded(floatOf(bits), wire)).toBeNaN();
    }
    for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0]) {
      expect(Object.is(rounded(value, wire), value)).toBe(true);
    }
  });
});

test('known values', () => {
  expect(rounded(1 + 2 ** -8, 'bf16')).toBe(1);
  expect(rounded(1 + 3 * 2 ** -8, 'bf16')).toBe(1 + 2 ** -6);
  expect(rounded(3.4028234663852886e38, 'bf16')).toBe(Number.POSITIVE_INFINITY);
  expect(bitsOf(rounded(floatOf(0x0000_8000), 'bf16'))).toBe(0);
  expect(bitsOf(rounded(floatOf(0x0001_8000), 'bf16'))).toBe(0x0002_0000);
  expect(rounded(65_519, 'fp16')).toBe(65_504);
  expect(rounded(65_520, 'fp16')).toBe(Number.POSITIVE_INFINITY);
  expect(rounded(2 ** -25, 'fp16')).toBe(0);
  expect(rounded(2 ** -25 * (1 + 2 ** -23), 'fp16')).toBe(2 ** -24);
  expect(rounded(-3 * 2 ** -25, 'fp16')).toBe(-(2 ** -23));
  expect(rounded(2 ** -14 * (1 - 2 ** -12), 'fp16')).toBe(2 ** -14);
});

test('fp32 leaves a vector as it is', () => {
  const vector = Float32Array.of(1.1, -2.3e-42);
  const before = vector.slice();
  roundToWire(vector, 'fp32');
  expect(vector).toEqual(before);
});
