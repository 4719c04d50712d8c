import * as tf from '@tensorflow/tfjs-core';
import { CUBE, type KernelSample, type SampleFamily, sample } from '../testing/kernel-sample.js';

type Paddings = [number, number][];

function mirrored(shape: readonly number[], paddings: Paddings, mode: 'reflect' | 'symmetric'): KernelSample {
  return sample('MirrorPad', [shape], (x) => tf.mirrorPad(x!, paddings, mode));
}

function padded(shape: readonly number[], paddings: Paddings): KernelSample {
  return sample('PadV2', [shape], (x) => tf.pad(x!, paddings, 0.5));
}

const REFLECTED: Paddings = [
  [1, 0],
  [2, 1],
  [0, 3],
];
const SYMMETRIC: Paddings = [
  [1, 2],
  [0, 0],
  [3, 1],
];

export const PAD_SAMPLES: SampleFamily = {
  samples: [
    mirrored(CUBE.shape, REFLECTED, 'reflect'),
    mirrored(CUBE.shape, SYMMETRIC, 'symmetric'),
    padded(CUBE.shape, REFLECTED),
  ],
  draw: (draw) => {
    const shape = draw.shape(1);
    const pads = shape.map((): [number, number] => [draw.between(0, 2), draw.between(0, 2)]);
    // A mirror has no more to show than there is.
    const mirrors = shape.map((length): [number, number] => [draw.between(0, length - 1), draw.between(0, length - 1)]);
    return [mirrored(shape, mirrors, draw.of(['reflect', 'symmetric'])), padded(shape, pads)];
  },
};
