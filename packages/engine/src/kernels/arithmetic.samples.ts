import * as tf from '@tensorflow/tfjs-core';
import {
  type Binary,
  binary,
  elementwiseFamily,
  INTEGERS,
  integers,
  type KernelSample,
  KINKED,
  POSITIVE,
  ROW,
  steps,
  unary,
  X,
} from '../testing/kernel-sample.js';

const ofIntegers = (kernel: string, run: Binary): KernelSample =>
  steps(binary(kernel, run, INTEGERS, integers([4], -5, 6)));

export const ARITHMETIC_SAMPLES = elementwiseFamily([
  binary('Add', tf.add),
  ofIntegers('Add', tf.add),
  { kernel: 'AddN', inputs: [X, X, X], run: (...xs) => tf.addN(xs) },
  steps({ kernel: 'AddN', inputs: [INTEGERS, INTEGERS, INTEGERS], run: (...xs) => tf.addN(xs) }),
  binary('Atan2', tf.atan2, POSITIVE, POSITIVE),
  steps(binary('Atan2', tf.atan2)),
  steps(binary('FloorDiv', tf.floorDiv, INTEGERS, integers([4], 2, 5))),
  steps(binary('FloorDiv', tf.floorDiv, integers([16], -9, 10), integers([16], -4, 5))),
  binary('Maximum', tf.maximum),
  ofIntegers('Maximum', tf.maximum),
  binary('Minimum', tf.minimum, { shape: [2, 1, 4] }, { shape: [3, 1] }),
  ofIntegers('Minimum', tf.minimum),
  steps(binary('Mod', tf.mod, X, { shape: [4], range: [0.5, 1] })),
  steps(binary('Mod', tf.mod)),
  steps(binary('Mod', tf.mod, INTEGERS, integers([4], 2, 5))),
  binary('Multiply', tf.mul),
  binary('Multiply', tf.mul, { shape: [] }, X),
  ofIntegers('Multiply', tf.mul),
  binary('Pow', tf.pow, POSITIVE, { shape: [4], range: [-2, 3] }),
  unary('Pow', (x) => tf.pow(x, 2), KINKED),
  binary('RealDiv', tf.div, X, { shape: [4], range: [0.5, 2] }),
  binary('SquaredDifference', tf.squaredDifference),
  ofIntegers('SquaredDifference', tf.squaredDifference),
  binary('Sub', tf.sub, ROW, X),
  ofIntegers('Sub', tf.sub),
]);
