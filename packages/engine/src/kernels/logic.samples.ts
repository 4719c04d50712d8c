import * as tf from '@tensorflow/tfjs-core';
import {
  type Binary,
  binary,
  elementwiseFamily,
  INTEGERS,
  integers,
  type KernelSample,
  KINKED,
  ROW,
  type SampleFamily,
  sample,
  steps,
  type Unary,
  unary,
  X,
} from '../testing/kernel-sample.js';

/** x > 0, to have something of type bool. */
const positive: Unary = (x) => tf.greater(x, 0);

const comparison = (kernel: string, run: Binary): KernelSample[] => [
  steps(binary(kernel, run, integers([3, 4], -1, 2), integers([4], -1, 2))),
  steps(binary(kernel, run)),
];

const ELEMENTWISE = elementwiseFamily([
  ...comparison('Equal', tf.equal),
  steps(binary('Equal', (a, b) => tf.equal(positive(a), positive(b)))),
  ...comparison('Greater', tf.greater),
  ...comparison('GreaterEqual', tf.greaterEqual),
  steps(unary('IsFinite', (x) => tf.isFinite(tf.div(x, tf.relu(x))), KINKED)),
  steps(unary('IsInf', (x) => tf.isInf(tf.div(x, tf.relu(x))), KINKED)),
  steps(unary('IsNan', (x) => tf.isNaN(tf.sqrt(x)), KINKED)),
  ...comparison('Less', tf.less),
  ...comparison('LessEqual', tf.lessEqual),
  steps(binary('LogicalAnd', (a, b) => tf.logicalAnd(positive(a), positive(b)))),
  steps(unary('LogicalNot', (x) => tf.logicalNot(positive(x)), KINKED)),
  steps(binary('LogicalOr', (a, b) => tf.logicalOr(positive(a), positive(b)))),
  ...comparison('NotEqual', tf.notEqual),
]);

export const LOGIC_SAMPLES: SampleFamily = {
  samples: [
    ...ELEMENTWISE.samples,
    steps(sample('Select', [X, ROW, X], (c, a, b) => tf.where(positive(c!), a!, b!))),
    sample('Select', [X, ROW], (a, b) => tf.where(tf.tensor2d([[1], [0], [1]], [3, 1], 'bool'), a!, b!)),
    steps(sample('Select', [INTEGERS, INTEGERS], (a, b) => tf.where(positive(a!), a!, b!))),
    steps(sample('Select', [X, X], (a, b) => tf.where(positive(a!), positive(b!), tf.less(b!, -1)))),
  ],
  draw: (draw) => {
    const shape = draw.shape(1);
    const [condition, other] = [draw.broadcastable(shape), draw.broadcastable(shape)];
    const select = sample('Select', [condition, shape, other], (c, a, b) => tf.where(positive(c!), a!, b!));
    return [...ELEMENTWISE.draw(draw), select];
  },
};
