import * as tf from '@tensorflow/tfjs-core';
import {
  CUBE,
  integers,
  type KernelSample,
  type SampleFamily,
  type SampleInput,
  sample,
  steps,
} from '../testing/kernel-sample.js';

function gather(x: readonly number[], indices: SampleInput, axis: number): KernelSample {
  return sample('GatherV2', [x, indices], (values, places) => tf.gather(values!, places!, axis));
}

function oneHot(indices: SampleInput, depth: number): KernelSample {
  return steps(sample('OneHot', [indices], (places) => tf.oneHot(places!, depth, 2, -1, 'float32')));
}

function segmentSum(x: readonly number[], ids: SampleInput, segments: number): KernelSample {
  return sample('UnsortedSegmentSum', [x, ids], (rows, segmentIds) =>
    tf.unsortedSegmentSum(rows!, segmentIds! as tf.Tensor1D, segments),
  );
}

export const GATHER_SAMPLES: SampleFamily = {
  samples: [
    gather(CUBE.shape, integers([5], 0, 3), 1),
    gather([6, 3], integers([2, 2], 0, 6), 0),
    oneHot(integers([3, 2], 0, 5), 5),
    oneHot(integers([6], -1, 6), 5),
    segmentSum([6, 3], integers([6], 0, 4), 4),
    steps(segmentSum([5, 3], integers([5], -1, 6), 4)),
  ],
  draw: (draw) => {
    const shape = draw.shape(1);
    const axis = draw.axis(shape);
    const places = draw.shape(1, 2);
    const [rows, segments] = [draw.size(), draw.size()];
    return [
      gather(shape, integers(places, 0, shape[axis]!), axis),
      oneHot(integers(places, -1, 5), 4),
      segmentSum([rows, 3], integers([rows], 0, segments), segments),
    ];
  },
};
