import { util } from '@tensorflow/tfjs-core';
import { graphDType, type KernelRule, one, UnsupportedKernel } from '../kernel-rule.js';
import { normalizeAxes } from './reduce.js';

/** tf.where broadcasts its three operands before it runs the kernel, so here they have one shape. */
const selectRule: KernelRule = {
  kernel: 'Select',
  inputs: ['condition', 't', 'e'],
  infer([condition, t, e]) {
    if (!util.arraysEqual([...condition!.shape], [...t!.shape]) || !util.arraysEqual([...t!.shape], [...e!.shape])) {
      throw new UnsupportedKernel('its operands must have one shape: use tf.where');
    }
    if (t!.dtype !== e!.dtype) throw new UnsupportedKernel(`its branches are ${t!.dtype} and ${e!.dtype}`);
    return one(t!.shape, t!.dtype);
  },
};

/** Output: x's shape with `axis` replaced by the indices' shape, whose first `batchDims` axes are shared with x. */
const gatherRule: KernelRule = {
  kernel: 'GatherV2',
  inputs: ['x', 'indices'],
  infer([x, indices], attributes) {
    const axis = normalizeAxes(attributes.axis, x!.shape)[0]!;
    const batchDims = (attributes.batchDims as number | undefined) ?? 0;
    const shape = [...x!.shape.slice(0, axis), ...indices!.shape.slice(batchDims), ...x!.shape.slice(axis + 1)];
    return one(shape, x!.dtype, { axis, batchDims });
  },
};

const oneHotRule: KernelRule = {
  kernel: 'OneHot',
  inputs: ['indices'],
  infer([indices], attributes) {
    const depth = attributes.depth as number;
    const dtype = graphDType(attributes.dtype ?? 'int32');
    const onValue = (attributes.onValue as number | undefined) ?? 1;
    const offValue = (attributes.offValue as number | undefined) ?? 0;
    return one([...indices!.shape, depth], dtype, { depth, onValue, offValue, dtype });
  },
};

/** Adds the rows of x up by the segment that each belongs to; what an embedding's gradient is made of. */
const unsortedSegmentSumRule: KernelRule = {
  kernel: 'UnsortedSegmentSum',
  inputs: ['x', 'segmentIds'],
  infer([x, segmentIds], attributes) {
    const numSegments = attributes.numSegments as number;
    return one([numSegments, ...x!.shape.slice(segmentIds!.shape.length)], x!.dtype, { numSegments });
  },
};

export const SELECT_RULES: readonly KernelRule[] = [selectRule, gatherRule, oneHotRule, unsortedSegmentSumRule];
