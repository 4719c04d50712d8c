import * as tf from '@tensorflow/tfjs-core';
import type { Draw } from '../testing/draw.js';
import {
  CUBE,
  INTEGERS,
  type KernelSample,
  POSITIVE,
  type SampleFamily,
  sample,
  steps,
  type Unary,
  unary,
} from '../testing/kernel-sample.js';

/** x > 0, to have something of type bool. */
const positive: Unary = (x) => tf.greater(x, 0);

type Reduce = (x: tf.Tensor, axes: number[], keepDims: boolean) => tf.Tensor;

function drawn(draw: Draw, kernel: string, run: Reduce): KernelSample {
  const shape = draw.shape(1);
  const [axes, keepDims] = [draw.axes(shape), draw.flag()];
  return sample(kernel, [shape], (x) => run(x!, axes.length === 0 ? [shape.length - 1] : axes, keepDims));
}

export const REDUCE_SAMPLES: SampleFamily = {
  samples: [
    steps(unary('All', (x) => tf.all(positive(x), 1), { shape: [4, 2] })),
    steps(unary('Any', (x) => tf.any(positive(x), 0, true), { shape: [2, 5] })),
    { ...unary('ColumnSum', (x) => tf.sum(x, 0)), attributes: {} },
    unary('Max', (x) => tf.max(x, 1), { shape: [3, 5] }),
    unary('Max', (x) => tf.max(x, 0, true), { shape: [3, 5] }),
    unary('Mean', (x) => tf.mean(x)),
    unary('Mean', (x) => tf.mean(x, -1, true)),
    steps(unary('Mean', (x) => tf.mean(x, 0), INTEGERS)),
    unary('Min', (x) => tf.min(x, [0, 2]), CUBE),
    unary('Prod', (x) => tf.prod(x, 1), POSITIVE),
    unary('Prod', (x) => tf.prod(x, [0, -1], true), { shape: [2, 3, 2], range: [0.5, 1.5] }),
    steps(unary('Prod', (x) => tf.prod(x), INTEGERS)),
    unary('Sum', (x) => tf.sum(x)),
    unary('Sum', (x) => tf.sum(x, [0, -1], true), CUBE),
    steps(unary('Sum', (x) => tf.sum(x, 1), INTEGERS)),
  ],
  draw: (draw) => [
    drawn(draw, 'All', (x, axes, keepDims) => tf.all(tf.greater(x, -1), axes, keepDims)),
    drawn(draw, 'Any', (x, axes, keepDims) => tf.any(tf.greater(x, 1), axes, keepDims)),
    drawn(draw, 'Max', tf.max),
    drawn(draw, 'Mean', tf.mean),
    drawn(draw, 'Min', tf.min),
    drawn(draw, 'Prod', tf.prod),
    drawn(draw, 'Sum', tf.sum),
  ],
};
