import type { ValueId } from '../graph/graph.js';
import { normalizeAxes, reducedShape, sameShape, sizeOf } from '../graph/shapes.js';
import { ELEMENTWISE_BINARY, ELEMENTWISE_UNARY } from './kernel-facts.js';
import type { Rewriter, Rule } from './rewriter.js';

const reshapeChain: Rule = {
  name: 'a reshape of a reshape is one reshape',
  ops: ['Reshape', 'ExpandDims'],
  apply: ({ op, inputs, outputs, origin }, rewriter) => {
    const inner = rewriter.producer(inputs[0]!, 'Reshape');
    if (inner === undefined && op === 'Reshape') return undefined;
    return rewriter.reshape(inner?.inputs[0] ?? inputs[0]!, outputs[0]!.shape, origin);
  },
};

function permOf(attribute: unknown, rank: number): readonly number[] {
  return (attribute as readonly number[] | undefined) ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
}

const transposeChain: Rule = {
  name: 'a transpose of a transpose is one transpose, or none',
  ops: ['Transpose'],
  apply: ({ inputs, attributes, outputs, origin }, rewriter) => {
    const { shape } = rewriter.info(inputs[0]!);
    const perm = permOf(attributes.perm, shape.length);
    if (perm.every((source, axis) => source === axis)) return inputs[0];
    const inner = rewriter.producer(inputs[0]!, 'Transpose');
    if (inner === undefined) return undefined;
    const innerPerm = permOf(inner.attributes.perm, shape.length);
    const combined = perm.map((axis) => innerPerm[axis]!);
    return rewriter.node('Transpose', [inner.inputs[0]!], { perm: combined }, outputs[0]!, origin);
  },
};

const squeezedTranspose: Rule = {
  name: 'axes of one element take no part in a transpose',
  ops: ['Transpose'],
  apply: ({ inputs, attributes, outputs, origin }, rewriter) => {
    const { shape, dtype } = rewriter.info(inputs[0]!);
    if (!shape.includes(1)) return undefined;
    const kept = shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
    const perm = permOf(attributes.perm, shape.length)
      .filter((axis) => shape[axis] !== 1)
      .map((axis) => kept.indexOf(axis));
    const squeezed = kept.map((axis) => shape[axis]!);
    const source = rewriter.reshape(inputs[0]!, squeezed, origin);
    const output = { shape: perm.map((axis) => squeezed[axis]!), dtype };
    return rewriter.reshape(rewriter.node('Transpose', [source], { perm }, output, origin), outputs[0]!.shape, origin);
  },
};

const squeezedReduction: Rule = {
  name: 'axes of one element take no part in a reduction',
  ops: ['Sum', 'Mean', 'Max', 'Min', 'Prod'],
  apply: ({ op, inputs, attributes, outputs, origin }, rewriter) => {
    const { shape } = rewriter.info(inputs[0]!);
    const axes = normalizeAxes(attributes.axis, shape.length);
    if (!shape.includes(1) && attributes.keepDims !== true) return undefined;
    const kept = shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
    const squeezed = kept.map((axis) => shape[axis]!);
    const inner = axes.flatMap((axis) => (kept.includes(axis) ? [kept.indexOf(axis)] : []));
    const output = { shape: reducedShape(squeezed, inner, false), dtype: outputs[0]!.dtype };
    const source = rewriter.reshape(inputs[0]!, squeezed, origin);
    const reduced = rewriter.node(op, [source], { axis: inner, keepDims: false }, output, origin);
    return rewriter.reshape(reduced, outputs[0]!.shape, origin);
  },
};

const sinkThroughUnary: Rule = {
  name: 'f(reshape(x)) is reshape(f(x))',
  ops: ELEMENTWISE_UNARY,
  apply: ({ op, inputs, attributes, outputs, origin }, rewriter) => {
    const view = rewriter.producer(inputs[0]!, 'Reshape');
    if (view === undefined) return undefined;
    const output = { shape: rewriter.info(view.inputs[0]!).shape, dtype: outputs[0]!.dtype };
    const result = rewriter.node(op, [view.inputs[0]!], attributes, output, origin);
    return rewriter.reshape(result, outputs[0]!.shape, origin);
  },
};

/**
 * The tensor that an operand is a view of in `shape`: behind a reshape, or a scalar that needs none. The reshape comes first:
 * a scalar that is a view itself would otherwise be left in its place, and the rule would find it there again for ever.
 */
function behindView(id: ValueId, shape: readonly number[], rewriter: Rewriter): ValueId | undefined {
  const source = rewriter.producer(id, 'Reshape')?.inputs[0];
  if (source !== undefined && sameShape(rewriter.info(source).shape, shape)) return source;
  return rewriter.info(id).shape.length === 0 ? id : undefined;
}

const sinkThroughBinary: Rule = {
  name: 'reshape(x) + reshape(y) is reshape(x + y)',
  ops: ELEMENTWISE_BINARY,
  apply: ({ op, inputs, attributes, outputs, origin }, rewriter) => {
    const view = inputs.map((id) => rewriter.producer(id, 'Reshape')).find((node) => node !== undefined);
    if (view === undefined) return undefined;
    const { shape } = rewriter.info(view.inputs[0]!);
    if (sizeOf(shape) !== sizeOf(outputs[0]!.shape)) return undefined;
    const sources = inputs.map((id) => behindView(id, shape, rewriter));
    const isViewed = inputs.every((id) => {
      const own = rewriter.info(id).shape;
      return own.length === 0 || sameShape(own, outputs[0]!.shape);
    });
    if (!isViewed || sources.includes(undefined)) return undefined;
    const result = rewriter.node(op, sources as ValueId[], attributes, { shape, dtype: outputs[0]!.dtype }, origin);
    return rewriter.reshape(result, outputs[0]!.shape, origin);
  },
};

/** Views: merged, moved behind the arithmetic where they meet others, and freed of axes of one element. */
export const SHAPE_RULES: readonly Rule[] = [
  reshapeChain,
  transposeChain,
  squeezedTranspose,
  squeezedReduction,
  sinkThroughUnary,
  sinkThroughBinary,
];
