import * as tf from '@tensorflow/tfjs-core';
import type { Draw } from '../testing/draw.js';
import { CUBE, type KernelSample, KINKED, type SampleFamily, sample, steps, unary } from '../testing/kernel-sample.js';

type Walk = (x: tf.Tensor, axis: number, flag: boolean) => tf.Tensor;

function drawn(draw: Draw, kernel: string, run: Walk): KernelSample {
  const shape = draw.shape(1);
  const [axis, flag] = [draw.axis(shape), draw.flag()];
  return sample(kernel, [shape], (x) => run(x!, axis, flag));
}

export const SCAN_SAMPLES: SampleFamily = {
  samples: [
    steps(unary('ArgMax', (x) => tf.argMax(x, -1), KINKED)),
    steps(unary('ArgMin', (x) => tf.argMin(x, 0), KINKED)),
    unary('Cumsum', (x) => tf.cumsum(x, 0), CUBE),
    unary('Cumsum', (x) => tf.cumsum(x, 1, true, true), CUBE),
  ],
  draw: (draw) => [
    drawn(draw, 'ArgMax', (x, axis) => tf.argMax(x, axis)),
    drawn(draw, 'ArgMin', (x, axis) => tf.argMin(x, axis)),
    drawn(draw, 'Cumsum', (x, axis, flag) => tf.cumsum(x, axis, flag, !flag)),
  ],
};
