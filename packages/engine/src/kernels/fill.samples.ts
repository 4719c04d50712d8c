import * as tf from '@tensorflow/tfjs-core';
import { INTEGERS, KINKED, type SampleFamily, sample, steps, unary } from '../testing/kernel-sample.js';

export const FILL_SAMPLES: SampleFamily = {
  samples: [
    unary('Fill', (x) => tf.mul(x, tf.fill([3, 4], 1.5))),
    steps(unary('Fill', (x) => tf.add(x, tf.fill([3, 4], 7, 'int32')), INTEGERS)),
    steps(unary('OnesLike', tf.onesLike, KINKED)),
    steps(unary('ZerosLike', tf.zerosLike, INTEGERS)),
  ],
  draw: (draw) => {
    const shape = draw.shape();
    return [
      sample('Fill', [shape], (x) => tf.mul(x!, tf.fill(shape, 1.5))),
      sample('OnesLike', [shape], (x) => tf.onesLike(x!)),
      sample('ZerosLike', [shape], (x) => tf.zerosLike(x!)),
    ];
  },
};
