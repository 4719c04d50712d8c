import * as tf from '@tensorflow/tfjs-core';
import { type KernelSample, type SampleFamily, sample } from '../testing/kernel-sample.js';

const ACTIVATIONS = ['linear', 'relu', 'sigmoid', 'elu', 'relu6'] as const;

interface Flags {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

function product(a: readonly number[], b: readonly number[], { transposeA, transposeB }: Flags = {}): KernelSample {
  return sample('BatchMatMul', [a, b], (x, y) => tf.matMul(x!, y!, transposeA, transposeB));
}

interface Fused extends Flags {
  readonly activation?: (typeof ACTIVATIONS)[number] | 'leakyrelu';
  readonly leakyreluAlpha?: number;
}

function fused(shapes: readonly (readonly number[])[], options: Fused = {}): KernelSample {
  const given = { transposeA: false, transposeB: false, ...options };
  return sample('_FusedMatMul', shapes, (a, b, bias) => tf.fused.matMul({ a: a!, b: b!, bias, ...given }));
}

const DENSE = [[3, 5], [5, 4], [4]];

function gemm(shapes: readonly (readonly number[])[], { transposeA = false, transposeB = false }: Flags): KernelSample {
  return {
    ...sample('Gemm', shapes, (a, b, ...added) =>
      tf.addN([tf.mul(tf.matMul(a!, b!, transposeA, transposeB), 1.5), ...added.map((c) => tf.broadcastTo(c, [3, 4]))]),
    ),
    attributes: { transposeA, transposeB, alpha: 1.5 },
  };
}

export const MATMUL_SAMPLES: SampleFamily = {
  samples: [
    product([3, 5], [5, 4]),
    product([5, 3], [5, 4], { transposeA: true }),
    product([2, 3, 5], [2, 4, 5], { transposeB: true }),
    product([2, 5, 3], [2, 4, 5], { transposeA: true, transposeB: true }),
    product([2, 4, 3], [1, 3, 5]),
    product([2, 3, 4], [4, 2]),
    product([4, 3], [2, 2, 4], { transposeA: true, transposeB: true }),
    fused(DENSE),
    fused(DENSE, { activation: 'relu' }),
    fused(DENSE, { activation: 'sigmoid' }),
    fused(DENSE, { activation: 'elu' }),
    fused(DENSE, { activation: 'relu6' }),
    fused(DENSE, { activation: 'leakyrelu', leakyreluAlpha: 0.3 }),
    fused(
      [
        [5, 3],
        [4, 5],
      ],
      { transposeA: true, transposeB: true },
    ),
    fused([[2, 4, 3], [2, 3, 5], [5]], { activation: 'relu' }),
    gemm([[3, 5], [5, 4], [4]], {}),
    gemm(
      [
        [5, 3],
        [4, 5],
      ],
      { transposeA: true, transposeB: true },
    ),
  ],
  draw: (draw) => {
    const [m, k, n] = [draw.size(), draw.size(), draw.size()];
    const [transposeA, transposeB] = [draw.flag(), draw.flag()];
    const [left, right] = [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]];
    const [batchA, batchB] = draw.of([
      [[], []],
      [[2], [2]],
      [[3], [1]],
      [[2], []],
      [[1], [2]],
      [
        [2, 1],
        [2, 1],
      ],
    ]) as [number[], number[]];
    return [
      product([...batchA, ...left], [...batchB, ...right], { transposeA, transposeB }),
      fused([left, right, [n]], { transposeA, transposeB, activation: draw.of(ACTIVATIONS) }),
    ];
  },
};
