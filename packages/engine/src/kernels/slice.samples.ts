import * as tf from '@tensorflow/tfjs-core';
import { CUBE, INTEGERS, type SampleFamily, sample, steps, unary, X } from '../testing/kernel-sample.js';

export const SLICE_SAMPLES: SampleFamily = {
  samples: [
    sample('Concat', [CUBE, [2, 1, 4]], (a, b) => tf.concat([a!, b!], 1)),
    steps(sample('Concat', [[2], [3]], (a, b) => tf.concat([tf.greater(a!, 0), tf.greater(b!, 0)]))),
    sample('Pack', [X, X], (a, b) => tf.stack([a!, b!], -1)),
    unary('Slice', (x) => tf.slice(x, [0, 1, 2], [-1, 2, 1]), CUBE),
    steps(unary('Slice', (x) => tf.slice(x, [1, 2], [2, 2]), INTEGERS)),
    sample('SplitV', [CUBE], (x) => tf.split(x!, [1, 3], -1)),
    sample('SplitV', [CUBE], (x) => tf.split(x!, 2, 0)),
    sample('Unpack', [CUBE], (x) => tf.unstack(x!, 1)),
  ],
  draw: (draw) => {
    const shape = draw.shape(1);
    const axis = draw.axis(shape);
    const begin = shape.map((size) => draw.between(0, size - 1));
    const size = shape.map((length, i) => draw.between(1, length - begin[i]!));
    const other = shape.map((length, i) => (i === axis ? draw.size() : length));
    const parts = shape.map((length, i) => (i === axis ? length + 2 : length));
    return [
      sample('Concat', [shape, other], (a, b) => tf.concat([a!, b!], axis)),
      sample('Pack', [shape, shape], (a, b) => tf.stack([a!, b!], axis)),
      sample('Slice', [shape], (x) => tf.slice(x!, begin, size)),
      sample('SplitV', [parts], (x) => tf.split(x!, [2, parts[axis]! - 2], axis)),
      sample('Unpack', [shape], (x) => tf.unstack(x!, axis)),
    ];
  },
};
