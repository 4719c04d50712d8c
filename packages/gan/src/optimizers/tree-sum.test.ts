import { expect, it } from 'vitest';
import { runProgram } from '../testing/run-program.js';
import { splitPoint, treeSum } from './tree-sum.js';

it('splits at the largest power of two below the length', () => {
  expect([2, 3, 4, 5, 6, 7, 8, 9, 16, 17].map(splitPoint)).toEqual([1, 2, 2, 4, 4, 4, 4, 8, 8, 16]);
});

it('adds in the order of the tree, to the bit', () => {
  // ((a+b)+(c+d))+e in fp32 differs from every other order of these numbers.
  const numbers = [1e8, 1, -1e8, 3, 0.1];
  const round = Math.fround;
  const expected = round(round(round(1e8 + 1) + round(-1e8 + 3)) + round(0.1));
  const inputs = numbers.map((_, k) => ({ name: `${k}`, shape: [1], dtype: 'float32' as const }));
  const program = {
    name: 'tree',
    inputs,
    run: (tensors: Record<string, Parameters<typeof treeSum>[0][number]>) => ({
      sum: treeSum(inputs.map(({ name }) => tensors[name]!)),
    }),
  };
  const arrays = Object.fromEntries(numbers.map((value, k) => [`${k}`, Float32Array.of(value)]));
  expect(runProgram(program, arrays).sum![0]).toBe(expected);
});
