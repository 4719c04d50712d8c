import * as tf from '@tensorflow/tfjs-core';
import { elementwiseFamily, INTEGERS, KINKED, POSITIVE, steps, UNIT, unary } from '../testing/kernel-sample.js';

export const FUNCTIONS_SAMPLES = elementwiseFamily([
  unary('Acos', tf.acos, UNIT),
  unary('Acosh', tf.acosh, { shape: [3, 4], range: [1.3, 3] }),
  unary('Asin', tf.asin, UNIT),
  unary('Asinh', tf.asinh),
  unary('Atan', tf.atan),
  unary('Atanh', tf.atanh, UNIT),
  steps(unary('Ceil', tf.ceil, KINKED)),
  unary('Cos', tf.cos),
  unary('Cosh', tf.cosh),
  unary('Erf', tf.erf),
  unary('Exp', tf.exp),
  unary('Expm1', tf.expm1),
  steps(unary('Expm1', tf.expm1, { shape: [8], range: [-1e-4, 1e-4] })),
  steps(unary('Floor', tf.floor, KINKED)),
  unary('Log', tf.log, POSITIVE),
  unary('Log1p', tf.log1p, POSITIVE),
  steps(unary('Log1p', tf.log1p, { shape: [8], range: [-1e-4, 1e-4] })),
  steps(unary('Log1p', tf.log1p, { shape: [8], range: [-0.9, -0.4] })),
  steps(unary('Round', tf.round, KINKED)),
  steps(unary('Round', (x) => tf.round(tf.div(tf.cast(x, 'float32'), 2)), INTEGERS)),
  unary('Sin', tf.sin),
  unary('Sinh', tf.sinh),
  unary('Tan', tf.tan, { shape: [3, 4], range: [-1, 1] }),
]);
