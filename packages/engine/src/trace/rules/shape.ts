import { util } from '@tensorflow/tfjs-core';
import { graphDType, type KernelRule, one, UnsupportedKernel } from '../kernel-rule.js';
import { normalizeAxes } from './reduce.js';

const reshapeRule: KernelRule = {
  kernel: 'Reshape',
  inputs: ['x'],
  isAlias: ([x], { shape }) => util.arraysEqual([...x!.shape], shape as number[]),
  infer([x], attributes) {
    const shape = util.inferFromImplicitShape([...(attributes.shape as number[])], util.sizeFromShape([...x!.shape]));
    return one(shape, x!.dtype, { shape });
  },
};

const expandDimsRule: KernelRule = {
  kernel: 'ExpandDims',
  op: 'Reshape',
  inputs: ['input'],
  infer([x], attributes) {
    const dim = attributes.dim as number;
    const shape = [...x!.shape];
    shape.splice(dim < 0 ? shape.length + 1 + dim : dim, 0, 1);
    return one(shape, x!.dtype, { shape });
  },
};

const transposeRule: KernelRule = {
  kernel: 'Transpose',
  inputs: ['x'],
  infer([x], attributes) {
    const perm = [...(attributes.perm as number[])];
    const shape = perm.map((axis) => x!.shape[axis]!);
    return one(shape, x!.dtype, { perm });
  },
};

const tileRule: KernelRule = {
  kernel: 'Tile',
  inputs: ['x'],
  infer([x], attributes) {
    const reps = [...(attributes.reps as number[])];
    const shape = x!.shape.map((size, axis) => size * reps[axis]!);
    return one(shape, x!.dtype, { reps });
  },
};

const reverseRule: KernelRule = {
  kernel: 'Reverse',
  inputs: ['x'],
  infer: ([x], attributes) => one(x!.shape, x!.dtype, { dims: normalizeAxes(attributes.dims, x!.shape) }),
};

const identityRule: KernelRule = {
  kernel: 'Identity',
  inputs: ['x'],
  isAlias: () => true,
  infer: ([x]) => one(x!.shape, x!.dtype),
};

const castRule: KernelRule = {
  kernel: 'Cast',
  inputs: ['x'],
  isAlias: ([x], { dtype }) => x!.dtype === dtype,
  infer: ([x], attributes) => {
    const dtype = graphDType(attributes.dtype);
    return one(x!.shape, dtype, { dtype });
  },
};

const fillRule: KernelRule = {
  kernel: 'Fill',
  inputs: [],
  infer(_, attributes) {
    if (typeof attributes.value !== 'number') throw new UnsupportedKernel('only numbers can be filled in');
    const dtype = graphDType(attributes.dtype ?? 'float32');
    const shape = [...(attributes.shape as number[])];
    return one(shape, dtype, { shape, value: attributes.value, dtype });
  },
};

export const SHAPE_RULES: readonly KernelRule[] = [
  reshapeRule,
  expandDimsRule,
  transposeRule,
  tileRule,
  reverseRule,
  identityRule,
  castRule,
  fillRule,
];
