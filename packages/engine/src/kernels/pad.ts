import type { Tensor } from '@tensorflow/tfjs-core';
import { unaryGradient } from '../gradients/gradient.js';
import { unsupported } from '../lower/context.js';
import { add, pad, reverse, slice } from '../tfjs.js';
import { type KernelAttributes, one } from '../trace/kernel-rule.js';
import type { KernelDefinition } from './definition.js';

/** How many elements go before and after an axis. */
type Padding = readonly [before: number, after: number];

function paddingsOf(attributes: KernelAttributes): [number, number][] {
  return (attributes.paddings as Padding[]).map(([before, after]) => [before, after]);
}

function paddedShape(shape: readonly number[], paddings: readonly Padding[]): number[] {
  return shape.map((size, axis) => paddings[axis]![0] + size + paddings[axis]![1]);
}

const padV2: KernelDefinition = {
  name: 'PadV2',
  trace: {
    inputs: ['x'],
    infer([x], attributes) {
      const paddings = paddingsOf(attributes);
      const constantValue = (attributes.constantValue as number | undefined) ?? 0;
      return one(paddedShape(x!.shape, paddings), x!.dtype, { paddings, constantValue });
    },
  },
  lower: (node, context) => {
    const { name, dtype } = node.inputs[0]!;
    const paddings = paddingsOf(node.attributes);
    const amounts = [...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)];
    if (dtype === 'bool') unsupported(node, 'on bools');
    const value = context.scalar(Number(node.attributes.constantValue ?? 0), dtype);
    return [context.emit('Pad', [name, context.int64s(amounts), value], { mode: 'constant' })];
  },
};

function mirrorIndices(size: number, [before, after]: Padding, symmetric: 0 | 1): number[] {
  return Array.from({ length: before + size + after }, (_, place) => {
    const index = place - before;
    if (index < 0) return -index - symmetric;
    return index < size ? index : 2 * size - 2 - index + symmetric;
  });
}

/** tfjs drops the mirrored edges' share: here each edge is mirrored back onto the elements that it came from. */
function mirrorPadGradient(dy: Tensor, x: Tensor, paddings: readonly Padding[], mode: string): Tensor {
  return paddings.reduce<Tensor>((rest, padding, axis) => {
    return foldEdges(rest, { axis, size: x.shape[axis]!, padding, offset: mode === 'reflect' ? 1 : 0 });
  }, dy);
}

interface Edges {
  readonly axis: number;
  readonly size: number;
  readonly padding: Padding;
  /** 1 where the outermost element is not mirrored itself. */
  readonly offset: 0 | 1;
}

function foldEdges(dy: Tensor, { axis, size, padding: [before, after], offset }: Edges): Tensor {
  const part = (begin: number, length: number) => {
    const begins = dy.shape.map((_, i) => (i === axis ? begin : 0));
    const sizes = dy.shape.map((other, i) => (i === axis ? length : other));
    return slice(dy, begins, sizes);
  };
  const edge = (begin: number, length: number, target: number) => {
    const paddings = dy.shape.map((_, i): [number, number] => (i === axis ? [target, size - target - length] : [0, 0]));
    return pad(reverse(part(begin, length), axis), paddings);
  };
  let folded = part(before, size);
  if (before > 0) folded = add(folded, edge(0, before, offset));
  if (after > 0) folded = add(folded, edge(before + size, after, size - offset - after));
  return folded;
}

/** ONNX has no symmetric mode; which source each place takes is known, so both modes are gathers, an axis at a time. */
const mirrorPad: KernelDefinition = {
  name: 'MirrorPad',
  trace: {
    inputs: ['x'],
    infer([x], attributes) {
      const paddings = paddingsOf(attributes);
      return one(paddedShape(x!.shape, paddings), x!.dtype, { paddings, mode: attributes.mode as string });
    },
  },
  lower: ({ inputs, attributes }, context) => {
    const { name, shape } = inputs[0]!;
    const symmetric = attributes.mode === 'symmetric' ? 1 : 0;
    return [
      paddingsOf(attributes).reduce((result, padding, axis) => {
        if (padding[0] === 0 && padding[1] === 0) return result;
        const indices = mirrorIndices(shape[axis]!, padding, symmetric);
        return context.emit('Gather', [result, context.int64s(indices)], { axis });
      }, name),
    ];
  },
  gradient: unaryGradient((dy, x, { paddings, mode }) =>
    mirrorPadGradient(dy, x, paddings as unknown as Padding[], mode as string),
  ),
};

/** Tensors with edges around them. */
export const PAD: readonly KernelDefinition[] = [mirrorPad, padV2];
