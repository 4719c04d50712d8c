import { expect, test } from 'vitest';
import { fillAwkward } from '../testing/reference.js';
import { createSimdVectorSum } from './simd-vector-sum.js';
import { jsVectorSum } from './vector-sum.js';

const simd = createSimdVectorSum();

test.each([0, 1, 3, 16, 17, 8191, 8192, 8193, 100_003])('%i floats have the bits of the plain sum', (length) => {
  const [a, b, expected, out] = [1, 2, 3, 4].map((seed) => {
    const vector = new Float32Array(length);
    fillAwkward(vector, seed);
    return vector;
  }) as [Float32Array, Float32Array, Float32Array, Float32Array];
  jsVectorSum.add(expected, a, b);
  simd.add(out, a, b);
  expect(out).toEqual(expected);
  simd.add(a, a, b);
  expect(a).toEqual(expected);
});

test('infinities, signed zeros and subnormals are kept', () => {
  const a = Float32Array.of(Infinity, -0, 2 ** -149, 3.4028234663852886e38, 1);
  const b = Float32Array.of(1, -0, 2 ** -149, 3.4028234663852886e38, -1);
  simd.add(a, a, b);
  expect([...a].map((value) => (Object.is(value, -0) ? '-0' : value))).toEqual([
    Infinity,
    '-0',
    2 ** -148,
    Infinity,
    0,
  ]);
});
