import * as tf from '@tensorflow/tfjs-core';
import { elementwiseFamily, INTEGERS, KINKED, POSITIVE, steps, unary } from '../testing/kernel-sample.js';

export const UNARY_SAMPLES = elementwiseFamily([
  unary('Abs', tf.abs, KINKED),
  steps(unary('Abs', tf.abs, INTEGERS)),
  unary('ClipByValue', (x) => tf.clipByValue(x, -0.7, 0.9), { shape: [3, 4], avoid: [-0.7, 0.9] }),
  unary('Neg', tf.neg),
  steps(unary('Neg', tf.neg, INTEGERS)),
  unary('Reciprocal', tf.reciprocal, POSITIVE),
  unary('Rsqrt', tf.rsqrt, POSITIVE),
  steps(unary('Sign', tf.sign, KINKED)),
  steps(unary('Sign', tf.sign, INTEGERS)),
  unary('Sqrt', tf.sqrt, POSITIVE),
  unary('Square', tf.square),
  steps(unary('Square', tf.square, INTEGERS)),
  steps(unary('Step', (x) => tf.step(x), KINKED)),
  steps(unary('Step', (x) => tf.step(x, -0.4), KINKED)),
]);
