import { broadcastShapes, normalizeAxes, sameShape, sizeOf } from '../graph/shapes.js';
import { ELEMENTWISE_BINARY, ELEMENTWISE_UNARY } from './kernel-facts.js';
import type { Rule } from './rewriter.js';

const tileOfOne: Rule = {
  name: 'a tile along axes of one element is a broadcast',
  ops: ['Tile'],
  apply: ({ inputs, attributes, outputs, origin }, rewriter) => {
    const { shape } = rewriter.info(inputs[0]!);
    const reps = attributes.reps as readonly number[];
    if (reps.length !== shape.length || reps.some((count, axis) => count !== 1 && shape[axis] !== 1)) return undefined;
    return rewriter.node('BroadcastTo', inputs, { shape: [...outputs[0]!.shape] }, outputs[0]!, origin);
  },
};

/** The gradients of tfjs's sum and mean spread dy by multiplying it with a tensor of ones. */
const timesOnes: Rule = {
  name: 'x · ones is a broadcast',
  ops: ['Multiply'],
  apply: ({ inputs, outputs, origin }, rewriter) => {
    for (const side of [0, 1] as const) {
      if (rewriter.uniform(inputs[side]!) !== 1) continue;
      const other = inputs[1 - side]!;
      if (rewriter.info(other).dtype !== outputs[0]!.dtype) return undefined;
      return rewriter.node('BroadcastTo', [other], { shape: [...outputs[0]!.shape] }, outputs[0]!, origin);
    }
    return undefined;
  },
};

const implicit: Rule = {
  name: 'an operand that is broadcast anyway need not be before',
  ops: ELEMENTWISE_BINARY,
  apply: ({ op, inputs, attributes, outputs, origin }, rewriter) => {
    for (const side of [0, 1] as const) {
      const source = rewriter.producer(inputs[side]!, 'BroadcastTo')?.inputs[0];
      if (source === undefined) continue;
      const other = inputs[1 - side]!;
      const shape = broadcastShapes(rewriter.info(source).shape, rewriter.info(other).shape);
      if (shape === undefined) continue;
      const operands = side === 0 ? [source, other] : [other, source];
      const result = rewriter.node(op, operands, attributes, { shape, dtype: outputs[0]!.dtype }, origin);
      // What both operands leave short is broadcast after the arithmetic, on the smaller tensor.
      return rewriter.node('BroadcastTo', [result], { shape: [...outputs[0]!.shape] }, outputs[0]!, origin);
    }
    return undefined;
  },
};

const afterUnary: Rule = {
  name: 'f(broadcast(x)) is broadcast(f(x))',
  ops: ELEMENTWISE_UNARY,
  apply: ({ op, inputs, attributes, outputs, origin }, rewriter) => {
    const source = rewriter.producer(inputs[0]!, 'BroadcastTo')?.inputs[0];
    if (source === undefined) return undefined;
    const output = { shape: rewriter.info(source).shape, dtype: outputs[0]!.dtype };
    const result = rewriter.node(op, [source], attributes, output, origin);
    return rewriter.node('BroadcastTo', [result], { shape: [...outputs[0]!.shape] }, outputs[0]!, origin);
  },
};

const reshapedBroadcast: Rule = {
  name: 'a broadcast of one element has any shape',
  ops: ['Reshape', 'BroadcastTo'],
  apply: ({ inputs, outputs, origin }, rewriter) => {
    const source = rewriter.producer(inputs[0]!, 'BroadcastTo')?.inputs[0];
    if (source === undefined || sizeOf(rewriter.info(source).shape) !== 1) return undefined;
    const scalar = rewriter.reshape(source, [], origin);
    return rewriter.node('BroadcastTo', [scalar], { shape: [...outputs[0]!.shape] }, outputs[0]!, origin);
  },
};

const sumOfBroadcast: Rule = {
  name: 'a sum of n equal elements is n times one',
  ops: ['Sum'],
  apply: ({ inputs, attributes, outputs, origin }, rewriter) => {
    const source = rewriter.producer(inputs[0]!, 'BroadcastTo')?.inputs[0];
    if (source === undefined || sizeOf(rewriter.info(source).shape) !== 1) return undefined;
    const { shape, dtype } = rewriter.info(inputs[0]!);
    if (dtype !== outputs[0]!.dtype) return undefined;
    const axes = normalizeAxes(attributes.axis, shape.length);
    const count = axes.reduce((product, axis) => product * shape[axis]!, 1);
    const one = rewriter.reshape(source, [], origin);
    const sum = rewriter.node('Multiply', [one, rewriter.scalar(count, dtype)], {}, { shape: [], dtype }, origin);
    if (sameShape(outputs[0]!.shape, [])) return sum;
    return rewriter.node('BroadcastTo', [sum], { shape: [...outputs[0]!.shape] }, outputs[0]!, origin);
  },
};

/** Broadcasts: made where arithmetic would not make them by itself, and as late as possible. */
export const BROADCAST_RULES: readonly Rule[] = [
  tileOfOne,
  timesOnes,
  implicit,
  afterUnary,
  reshapedBroadcast,
  sumOfBroadcast,
];
