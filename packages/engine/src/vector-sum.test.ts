import { expect, it } from 'vitest';
import { createVectorSum } from './vector-sum.js';

const sum = createVectorSum();

it.runIf(process.platform === 'linux' && process.arch === 'x64')('is there on Linux', () => {
  expect(sum).not.toBeNull();
});

it.skipIf(sum === null)('adds with the bits of Math.fround, in place, over any views', () => {
  for (const length of [1, 3, 16, 1000, 65_537]) {
    const backing = new Float32Array(length + 7);
    const a = backing.subarray(7);
    const b = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      a[i] = Math.sin(i) * 1e3;
      b[i] = Math.cos(i) / 7;
    }
    const expected = a.map((value, i) => Math.fround(value + b[i]!));
    sum!.add(a, a, b);
    expect(Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(expected.buffer))).toBe(true);
  }
});

it.skipIf(sum === null)('stays right when callers bring ever new views', () => {
  const memory = new Float32Array(64);
  const b = new Float32Array(64).fill(1);
  for (let round = 0; round < 5000; round++) {
    const view = memory.subarray(0, 64);
    sum!.add(view, view, b.subarray(0, 64));
  }
  expect(memory.every((value) => value === 5000)).toBe(true);
});
