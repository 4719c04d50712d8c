import type { Tensor } from '@tensorflow/tfjs-core';
import { sizeOf } from '../graph/shapes.js';
import type { LoweringContext, LoweringNode } from '../lower/context.js';
import { slice_util } from '../tfjs.js';
import { axesOf, one } from '../trace/kernel-rule.js';
import type { KernelDefinition } from './definition.js';

const slice: KernelDefinition = {
  name: 'Slice',
  trace: {
    inputs: ['x'],
    infer([x], attributes) {
      const [begin, size] = slice_util.parseSliceParams(
        { shape: [...x!.shape], rank: x!.shape.length } as unknown as Tensor,
        attributes.begin as number[],
        attributes.size as number[],
      ) as [number[], number[]];
      return one(size, x!.dtype, { begin, size });
    },
  },
  lower: ({ inputs, attributes, outputs }, context) => {
    const { name, shape } = inputs[0]!;
    if (shape.length === 0) return [name];
    const begin = attributes.begin as readonly number[];
    const end = begin.map((start, axis) => start + outputs[0]!.shape[axis]!);
    const lists = [begin, end, begin.map((_, axis) => axis), begin.map(() => 1)];
    return [context.emit('Slice', [name, ...lists.map((list) => context.int64s(list))])];
  },
};

const concat: KernelDefinition = {
  name: 'Concat',
  trace: {
    inputs: 'list',
    infer(inputs, attributes) {
      const first = inputs[0]!;
      const axis = axesOf(attributes.axis, first.shape)[0]!;
      const shape = [...first.shape];
      shape[axis] = inputs.reduce((sum, input) => sum + input.shape[axis]!, 0);
      return one(shape, first.dtype, { axis });
    },
  },
  lower: ({ inputs, attributes }, context) => {
    // tfjs lets empty tensors of any shape take part.
    const names = inputs.filter(({ shape }) => sizeOf(shape) > 0).map(({ name }) => name);
    if (names.length === 0) return [inputs[0]!.name];
    return [names.length === 1 ? names[0]! : context.emit('Concat', names, { axis: attributes.axis as number })];
  },
};

/** tf.stack: a new axis of the list's length. */
const pack: KernelDefinition = {
  name: 'Pack',
  trace: {
    inputs: 'list',
    infer(inputs, attributes) {
      const { shape, dtype } = inputs[0]!;
      const axis = axesOf(attributes.axis, [...shape, 1])[0]!;
      return one([...shape.slice(0, axis), inputs.length, ...shape.slice(axis)], dtype, { axis });
    },
  },
  lower: ({ inputs, attributes, outputs }, context) => {
    const axis = attributes.axis as number;
    const shape = outputs[0]!.shape.map((size, index) => (index === axis ? 1 : size));
    const parts = inputs.map(({ name }) => context.reshape(name, shape));
    return [context.emit('Concat', parts, { axis })];
  },
};

function split(node: LoweringNode, sizes: readonly number[], context: LoweringContext): string[] {
  const axis = node.attributes.axis as number;
  return context.emitMany('Split', [node.inputs[0]!.name, context.int64s(sizes)], { axis }, sizes.length);
}

/** tf.unstack: one output for each index of an axis, which disappears. */
const unpack: KernelDefinition = {
  name: 'Unpack',
  trace: {
    inputs: ['value'],
    manyOutputs: true,
    infer([value], attributes) {
      const { shape, dtype } = value!;
      const axis = axesOf(attributes.axis, shape)[0]!;
      const part = { shape: shape.filter((_, i) => i !== axis), dtype };
      return { outputs: Array.from({ length: shape[axis]! }, () => part), attributes: { axis } };
    },
  },
  lower: (node, context) => {
    const ones = node.outputs.map(() => 1);
    return split(node, ones, context).map((part, index) => context.reshape(part, node.outputs[index]!.shape));
  },
};

function splitSizes(numOrSizeSplits: number | number[], total: number): number[] {
  if (typeof numOrSizeSplits === 'number') return Array(numOrSizeSplits).fill(total / numOrSizeSplits);
  const known = numOrSizeSplits.reduce((sum, size) => (size < 0 ? sum : sum + size), 0);
  return numOrSizeSplits.map((size) => (size < 0 ? total - known : size));
}

/** `numOrSizeSplits` becomes a list of sizes along `axis`. */
const splitV: KernelDefinition = {
  name: 'SplitV',
  trace: {
    inputs: ['x'],
    manyOutputs: true,
    infer([x], attributes) {
      const { shape, dtype } = x!;
      const axis = axesOf(attributes.axis, shape)[0]!;
      const sizes = splitSizes(attributes.numOrSizeSplits as number | number[], shape[axis]!);
      const outputs = sizes.map((size) => ({ shape: shape.map((other, i) => (i === axis ? size : other)), dtype }));
      return { outputs, attributes: { numOrSizeSplits: sizes, axis } };
    },
  },
  lower: (node, context) => split(node, node.attributes.numOrSizeSplits as readonly number[], context),
};

/** Parts of a tensor, and tensors made of parts. */
export const SLICE: readonly KernelDefinition[] = [concat, pack, slice, splitV, unpack];
