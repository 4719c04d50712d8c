import * as tf from '@tensorflow/tfjs-core';
import {
  CUBE,
  INTEGERS,
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

export const VIEW_SAMPLES: SampleFamily = {
  samples: [
    { ...sample('BroadcastTo', [[4, 1]], (x) => tf.broadcastTo(x!, [2, 4, 3])), attributes: { shape: [2, 4, 3] } },
    steps(unary('Cast', (x) => tf.cast(x, 'int32'), KINKED)),
    steps(unary('Cast', (x) => tf.cast(x, 'bool'), INTEGERS)),
    steps(unary('Cast', (x) => tf.cast(x, 'bool'), X)),
    steps(unary('Cast', (x) => tf.cast(positive(x), 'float32'), KINKED)),
    steps(unary('Cast', (x) => tf.cast(x, 'float32'), INTEGERS)),
    unary('ExpandDims', (x) => tf.expandDims(x, -1)),
    unary('Identity', tf.clone),
    unary('Reshape', (x) => tf.reshape(x, [-1, 2])),
    unary('Reverse', (x) => tf.reverse(x, [0, -1]), CUBE),
    unary('Tile', (x) => tf.tile(x, [2, 1, 3]), CUBE),
    unary('Tile', (x) => tf.broadcastTo(x, [5, 4]), ROW),
    unary('Transpose', (x) => tf.transpose(x, [2, 0, 1]), CUBE),
    steps(unary('Transpose', (x) => tf.transpose(positive(x)), X)),
  ],
  draw: (draw) => {
    const shape = draw.shape(1);
    const [order, reps, axes] = [draw.permutation(shape), shape.map(() => draw.between(1, 3)), draw.axes(shape)];
    const [place, target] = [draw.between(0, shape.length), draw.permutation(shape).map((axis) => shape[axis]!)];
    return [
      sample('Cast', [shape], (x) => tf.cast(x!, 'int32')),
      sample('ExpandDims', [shape], (x) => tf.expandDims(x!, place)),
      sample('Identity', [shape], (x) => tf.clone(x!)),
      sample('Reshape', [shape], (x) => tf.reshape(x!, target)),
      sample('Reverse', [shape], (x) => tf.reverse(x!, axes.length === 0 ? [0] : axes)),
      sample('Tile', [shape], (x) => tf.tile(x!, reps)),
      sample('Transpose', [shape], (x) => tf.transpose(x!, order)),
    ];
  },
};
