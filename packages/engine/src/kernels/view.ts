import type { Tensor } from '@tensorflow/tfjs-core';
import { unaryGradient, zeroGradient } from '../gradients/gradient.js';
import { normalizeAxes } from '../graph/shapes.js';
import { reshape as reshapeOp, sum, util } from '../tfjs.js';
import { axesOf, graphDType, one } from '../trace/kernel-rule.js';
import { arity, expectShape, unaryCheck, viewCheck } from './checks.js';
import type { KernelCheck, KernelDefinition } from './definition.js';

const reshape: KernelDefinition = {
  name: 'Reshape',
  trace: {
    inputs: ['x'],
    isAlias: ([x], { shape }) => util.arraysEqual([...x!.shape], shape as number[]),
    infer([x], attributes) {
      const shape = util.inferFromImplicitShape([...(attributes.shape as number[])], util.sizeFromShape([...x!.shape]));
      return one(shape, x!.dtype, { shape });
    },
  },
  lower: ({ inputs, outputs }, context) => [context.reshape(inputs[0]!.name, outputs[0]!.shape)],
  check: viewCheck,
};

const expandDims: KernelDefinition = {
  name: 'ExpandDims',
  trace: {
    op: 'Reshape',
    inputs: ['input'],
    infer([x], attributes) {
      const dim = attributes.dim as number;
      const shape = [...x!.shape];
      shape.splice(dim < 0 ? shape.length + 1 + dim : dim, 0, 1);
      return one(shape, x!.dtype, { shape });
    },
  },
};

const identity: KernelDefinition = {
  name: 'Identity',
  trace: { inputs: ['x'], isAlias: () => true, infer: ([x]) => one(x!.shape, x!.dtype) },
  lower: ({ inputs }) => [inputs[0]!.name],
  check: unaryCheck,
};

const cast: KernelDefinition = {
  name: 'Cast',
  trace: {
    inputs: ['x'],
    isAlias: ([x], { dtype }) => x!.dtype === dtype,
    infer: ([x], attributes) => {
      const dtype = graphDType(attributes.dtype);
      return one(x!.shape, dtype, { dtype });
    },
  },
  lower: ({ inputs, outputs }, context) => [context.cast(inputs[0]!.name, inputs[0]!.dtype, outputs[0]!.dtype)],
  // A cast to integers is a step function; a straight-through gradient, as tfjs has it, would be a silent surprise.
  gradient: unaryGradient((dy, x, { dtype }) => (dtype === 'float32' ? dy.clone() : zeroGradient(x))),
  check: unaryCheck,
  facts: { elementwise: 'unary' },
};

const transposeCheck: KernelCheck = (inputs, outputs, { perm }) => {
  const wrong = arity(inputs, 1);
  if (wrong !== undefined || !Array.isArray(perm)) return wrong;
  const { shape } = inputs[0]!;
  const isPermutation = perm.length === shape.length && new Set(perm).size === perm.length;
  if (!isPermutation) return `perm [${perm}] is no permutation of ${shape.length} axes`;
  return expectShape(
    outputs[0]!,
    (perm as number[]).map((axis) => shape[axis]!),
  );
};

const transpose: KernelDefinition = {
  name: 'Transpose',
  trace: {
    inputs: ['x'],
    infer([x], attributes) {
      const perm = [...(attributes.perm as number[])];
      const shape = perm.map((axis) => x!.shape[axis]!);
      return one(shape, x!.dtype, { perm });
    },
  },
  lower: ({ inputs, attributes }, context) => {
    return [context.emit('Transpose', [inputs[0]!.name], { perm: attributes.perm as readonly number[] })];
  },
  check: transposeCheck,
};

/** One before the first element: the end of a slice that runs backwards to the start. */
const BEFORE_START = -(2 ** 31);

const reverse: KernelDefinition = {
  name: 'Reverse',
  trace: {
    inputs: ['x'],
    infer: ([x], attributes) => one(x!.shape, x!.dtype, { dims: axesOf(attributes.dims, x!.shape) }),
  },
  lower: ({ inputs, attributes }, context) => {
    const { name, shape } = inputs[0]!;
    const axes = normalizeAxes(attributes.dims, shape.length);
    if (axes.length === 0 || shape.length === 0) return [name];
    const lists = [axes.map(() => -1), axes.map(() => BEFORE_START), axes, axes.map(() => -1)];
    return [context.emit('Slice', [name, ...lists.map((list) => context.int64s(list))])];
  },
};

/** Splits every repeated axis into (repetition, size) and sums the repetitions up. */
function tileGradient(dy: Tensor, x: Tensor, reps: readonly number[]): Tensor {
  const split: number[] = [];
  const repeated: number[] = [];
  x.shape.forEach((size, axis) => {
    if (reps[axis]! > 1) {
      repeated.push(split.length);
      split.push(reps[axis]!);
    }
    split.push(size);
  });
  return repeated.length === 0 ? dy : reshapeOp(sum(reshapeOp(dy, split), repeated), x.shape);
}

const tile: KernelDefinition = {
  name: 'Tile',
  trace: {
    inputs: ['x'],
    infer([x], attributes) {
      const reps = [...(attributes.reps as number[])];
      const shape = x!.shape.map((size, axis) => size * reps[axis]!);
      return one(shape, x!.dtype, { reps });
    },
  },
  lower: ({ inputs, attributes }, context) => {
    const reps = attributes.reps as readonly number[];
    return [context.emit('Tile', [inputs[0]!.name, context.int64s(reps)])];
  },
  gradient: unaryGradient((dy, x, { reps }) => tileGradient(dy, x, reps as number[])),
};

/** Gantry's own kernel: tfjs broadcasts by tiling; the passes see which tiles are broadcasts. */
const broadcastTo: KernelDefinition = {
  name: 'BroadcastTo',
  lower: ({ inputs, outputs }, context) => {
    return [context.emit('Expand', [inputs[0]!.name, context.int64s(outputs[0]!.shape)])];
  },
};

/** One tensor, seen in another shape, order or type. */
export const VIEW: readonly KernelDefinition[] = [
  broadcastTo,
  cast,
  expandDims,
  identity,
  reshape,
  reverse,
  tile,
  transpose,
];
