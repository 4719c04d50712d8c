import { describe, expect, test } from 'vitest';
import { KernelMemory } from './kernel-memory.js';
import { addPacked, type PackedWire, type Payload, pack, roundToWire, unpack } from './wire.js';

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

const bytesOf = (of: Float32Array) => Buffer.from(of.buffer, of.byteOffset, of.byteLength);

type Place = [string, (length: number) => Float32Array, (length: number) => Uint16Array];

/** Where vectors may lie: in memory of their own, in the kernel's, or some here and some there. */
const PLACES: Place[] = [
  ['outside', (length) => new Float32Array(length), (length) => new Uint16Array(length)],
  ['in the kernel’s memory', floatsInside, packedInside],
  ['packed in the kernel’s memory', (length) => new Float32Array(length), packedInside],
  ['floats in the kernel’s memory', floatsInside, (length) => new Uint16Array(length)],
];

const INSIDE_BYTES = 1 << 28;
let inside = KernelMemory.make(INSIDE_BYTES);

function takeInside(bytes: number) {
  const place = inside!.take(bytes);
  if (place !== null) return place;
  inside = KernelMemory.make(INSIDE_BYTES);
  return inside!.take(bytes)!;
}

function floatsInside(length: number): Float32Array {
  const { buffer, byteOffset } = takeInside(4 * length);
  return new Float32Array(buffer, byteOffset, length);
}

function packedInside(length: number): Uint16Array {
  const { buffer, byteOffset } = takeInside(2 * length);
  return new Uint16Array(buffer, byteOffset, length);
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

  test.each(PLACES)('packed and unpacked it is what rounding gives, %s', (_, makeFloats, makePacked) => {
    const given = new Float32Array(Uint32Array.from(awkwardBits()).buffer);
    const expected = given.slice();
    roundToWire(expected, wire);
    const vector = makeFloats(given.length);
    const rounded = makeFloats(given.length);
    const packed = makePacked(given.length);
    vector.set(given);
    rounded.set(given);
    roundToWire(rounded, wire);
    pack(vector, wire, packed);
    expect(bytesOf(rounded).equals(bytesOf(expected))).toBe(true);
    expect(bytesOf(vector).equals(bytesOf(given))).toBe(true);
    unpack(packed, wire, vector);
    expect(bytesOf(vector).equals(bytesOf(expected))).toBe(true);
    roundToWire(vector, wire);
    expect(bytesOf(vector).equals(bytesOf(expected))).toBe(true);
  });

  describe.each(PLACES)('sums, %s', (_, makeFloats, makePacked) => {
    const bits = Uint32Array.from(awkwardBits());
    const values = new Float32Array(bits.buffer);
    // Every value meets others of every kind; the length makes no full turn of the kernel.
    const cases = [1, 7, 8, 9, 4095, 4097, 20_003, values.length - 5].map((length) => {
      const left = makeFloats(length);
      const right = makeFloats(length);
      for (let index = 0; index < length; index++) {
        left[index] = values[(index * 7919) % values.length]!;
        right[index] = values[(index * 104_729 + 17) % values.length]!;
      }
      const packed = [left, right].map((vector) => {
        const into = makePacked(length);
        pack(vector, wire, into);
        return into;
      }) as [Uint16Array, Uint16Array];
      return { left, right, packed };
    });
    const unpacked = (operand: Payload): Float32Array => {
      if (operand instanceof Float32Array) return operand;
      const vector = new Float32Array(operand.length);
      unpack(operand, wire, vector);
      return vector;
    };
    const check = (out: Float32Array, left: Payload, right: Payload): void => {
      const [a, b] = [unpacked(left), unpacked(right)];
      const expected = a.map((value, index) => Math.fround(value + b[index]!));
      addPacked(out, left, right, wire);
      expect(out.findIndex((value, index) => !Object.is(value, expected[index]))).toBe(-1);
    };

    test('of two packed vectors are those of the definition', () => {
      for (const { left, packed } of cases) check(makeFloats(left.length), packed[0], packed[1]);
    });

    test('of a packed and an fp32 vector, either way round and in place', () => {
      for (const { left, right, packed } of cases) {
        check(makeFloats(left.length), packed[0], right);
        check(makeFloats(left.length), left, packed[1]);
        const addend = unpacked(packed[1]);
        const expected = left.map((value, index) => Math.fround(value + addend[index]!));
        addPacked(left, left, packed[1], wire);
        expect(left.findIndex((value, index) => !Object.is(value, expected[index]))).toBe(-1);
      }
    });
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
