import { util } from '@tensorflow/tfjs-core';
import type { GraphDType } from '../../graph/graph.js';
import { type KernelRule, one, requireFloat } from '../kernel-rule.js';

/** Axes as tfjs users write them (a number, a list, negative, or nothing for all) → ascending, non-negative. */
export function normalizeAxes(axis: unknown, shape: readonly number[]): number[] {
  const axes = util.parseAxisParam(axis as number | number[], [...shape]);
  return [...new Set(axes)].sort((a, b) => a - b);
}

/** The shape that is left when `axes` are summed away. */
function reducedShape(shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] {
  if (keepDims) return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return shape.filter((_, axis) => !axes.includes(axis));
}

/** `axisName`: tfjs's Max alone calls its axes `reductionIndices`; in the graph they are `axis` as everywhere. */
const reductionRule = (kernel: string, dtype?: GraphDType, axisName = 'axis'): KernelRule => ({
  kernel,
  inputs: ['x'],
  infer([x], attributes) {
    const axes = normalizeAxes(attributes[axisName], x!.shape);
    const keepDims = attributes.keepDims === true;
    return one(reducedShape(x!.shape, axes, keepDims), dtype ?? x!.dtype, { axis: axes, keepDims });
  },
});

const argRule = (kernel: string): KernelRule => ({
  kernel,
  inputs: ['x'],
  infer([x], attributes) {
    const axis = normalizeAxes(attributes.axis, x!.shape)[0]!;
    return one(reducedShape(x!.shape, [axis], false), 'int32', { axis });
  },
});

const cumsumRule: KernelRule = {
  kernel: 'Cumsum',
  inputs: ['x'],
  infer([x], attributes) {
    const axis = normalizeAxes(attributes.axis, x!.shape)[0]!;
    return one(x!.shape, x!.dtype, {
      axis,
      exclusive: attributes.exclusive === true,
      reverse: attributes.reverse === true,
    });
  },
};

/** tf.logSoftmax has no kernel of its own in any backend: it is captured as what it is made of. */
const softmaxRule: KernelRule = {
  kernel: 'Softmax',
  inputs: ['logits'],
  infer(inputs, attributes) {
    requireFloat(inputs);
    const { shape } = inputs[0]!;
    return one(shape, 'float32', { dim: normalizeAxes(attributes.dim ?? -1, shape)[0]! });
  },
};

export const REDUCE_RULES: readonly KernelRule[] = [
  reductionRule('All', 'bool'),
  reductionRule('Any', 'bool'),
  reductionRule('Max', undefined, 'reductionIndices'),
  reductionRule('Mean', 'float32'),
  reductionRule('Min'),
  reductionRule('Prod'),
  reductionRule('Sum'),
  argRule('ArgMax'),
  argRule('ArgMin'),
  cumsumRule,
  softmaxRule,
];
