import * as tf from '@tensorflow/tfjs-core';
import {
  binary,
  elementwiseFamily,
  INTEGERS,
  KINKED,
  type SampleFamily,
  sample,
  steps,
  unary,
} from '../testing/kernel-sample.js';

const LARGE = { shape: [7], range: [-90, 90] } as const;

const ELEMENTWISE = elementwiseFamily([
  unary('Elu', tf.elu, KINKED),
  unary('LeakyRelu', (x) => tf.leakyRelu(x, 0.3), KINKED),
  binary('Prelu', tf.prelu, KINKED, { shape: [4], range: [0.1, 0.5] }),
  unary('Relu', tf.relu, KINKED),
  steps(unary('Relu', tf.relu, INTEGERS)),
  unary('Relu6', tf.relu6, { shape: [3, 4], range: [-3, 9], avoid: [0, 6] }),
  steps(unary('Relu6', tf.relu6, INTEGERS)),
  unary('Selu', tf.selu, KINKED),
  unary('Sigmoid', tf.sigmoid),
  unary('Sigmoid', tf.sigmoid, LARGE),
  unary('Softplus', tf.softplus),
  unary('Softplus', tf.softplus, LARGE),
  unary('Tanh', tf.tanh),
]);

export const ACTIVATIONS_SAMPLES: SampleFamily = {
  samples: [...ELEMENTWISE.samples, unary('Softmax', (x) => tf.softmax(x))],
  draw: (draw) => [...ELEMENTWISE.draw(draw), sample('Softmax', [draw.shape(1)], (x) => tf.softmax(x!))],
};
