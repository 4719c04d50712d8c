import { slice_util, type Tensor } from '@tensorflow/tfjs-core';
import { type KernelRule, one } from '../kernel-rule.js';
import { normalizeAxes } from './reduce.js';

const sliceRule: KernelRule = {
  kernel: 'Slice',
  inputs: ['x'],
  infer([x], attributes) {
    const [begin, size] = slice_util.parseSliceParams(
      { shape: [...x!.shape], rank: x!.shape.length } as unknown as Tensor,
      attributes.begin as number[],
      attributes.size as number[],
    ) as [number[], number[]];
    return one(size, x!.dtype, { begin, size });
  },
};

const concatRule: KernelRule = {
  kernel: 'Concat',
  inputs: 'list',
  infer(inputs, attributes) {
    const first = inputs[0]!;
    const axis = normalizeAxes(attributes.axis, first.shape)[0]!;
    const shape = [...first.shape];
    shape[axis] = inputs.reduce((sum, input) => sum + input.shape[axis]!, 0);
    return one(shape, first.dtype, { axis });
  },
};

/** tf.stack: a new axis of the list's length. */
const packRule: KernelRule = {
  kernel: 'Pack',
  inputs: 'list',
  infer(inputs, attributes) {
    const { shape, dtype } = inputs[0]!;
    const axis = normalizeAxes(attributes.axis, [...shape, 1])[0]!;
    return one([...shape.slice(0, axis), inputs.length, ...shape.slice(axis)], dtype, { axis });
  },
};

/** tf.unstack: one output for each index of an axis, which disappears. */
const unpackRule: KernelRule = {
  kernel: 'Unpack',
  inputs: ['value'],
  manyOutputs: true,
  infer([value], attributes) {
    const { shape, dtype } = value!;
    const axis = normalizeAxes(attributes.axis, shape)[0]!;
    const part = { shape: shape.filter((_, i) => i !== axis), dtype };
    return { outputs: Array.from({ length: shape[axis]! }, () => part), attributes: { axis } };
  },
};

/** `numOrSizeSplits` becomes a list of sizes along `axis`. */
const splitRule: KernelRule = {
  kernel: 'SplitV',
  inputs: ['x'],
  manyOutputs: true,
  infer([x], attributes) {
    const { shape, dtype } = x!;
    const axis = normalizeAxes(attributes.axis, shape)[0]!;
    const sizes = splitSizes(attributes.numOrSizeSplits as number | number[], shape[axis]!);
    const outputs = sizes.map((size) => ({ shape: shape.map((other, i) => (i === axis ? size : other)), dtype }));
    return { outputs, attributes: { numOrSizeSplits: sizes, axis } };
  },
};

function splitSizes(numOrSizeSplits: number | number[], total: number): number[] {
  if (typeof numOrSizeSplits === 'number') return Array(numOrSizeSplits).fill(total / numOrSizeSplits);
  const known = numOrSizeSplits.reduce((sum, size) => (size < 0 ? sum : sum + size), 0);
  return numOrSizeSplits.map((size) => (size < 0 ? total - known : size));
}

function paddedShape(shape: readonly number[], paddings: readonly (readonly number[])[]): number[] {
  return shape.map((size, axis) => paddings[axis]![0]! + size + paddings[axis]![1]!);
}

const padRule: KernelRule = {
  kernel: 'PadV2',
  inputs: ['x'],
  infer([x], attributes) {
    const paddings = (attributes.paddings as number[][]).map((pair) => [...pair]);
    const constantValue = (attributes.constantValue as number | undefined) ?? 0;
    return one(paddedShape(x!.shape, paddings), x!.dtype, { paddings, constantValue });
  },
};

const mirrorPadRule: KernelRule = {
  kernel: 'MirrorPad',
  inputs: ['x'],
  infer([x], attributes) {
    const paddings = (attributes.paddings as number[][]).map((pair) => [...pair]);
    return one(paddedShape(x!.shape, paddings), x!.dtype, { paddings, mode: attributes.mode as string });
  },
};

export const SLICE_RULES: readonly KernelRule[] = [
  sliceRule,
  concatRule,
  packRule,
  unpackRule,
  splitRule,
  padRule,
  mirrorPadRule,
];
