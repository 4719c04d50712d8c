import { normalizeAxes, sizeOf } from '../graph/shapes.js';
import {
  type LoweringContext,
  type LoweringNode,
  type LoweringRule,
  type LoweringTable,
  unsupported,
} from './context.js';

/** Kernels whose result is its input in another shape: the trace knows which. */
const reshape: LoweringRule = ({ inputs, outputs }, context) => [context.reshape(inputs[0]!.name, outputs[0]!.shape)];

const identity: LoweringRule = ({ inputs }) => [inputs[0]!.name];

const transpose: LoweringRule = ({ inputs, attributes }, context) => {
  const given = attributes.perm as readonly number[] | undefined;
  const perm = given ?? inputs[0]!.shape.map((_, axis) => inputs[0]!.shape.length - 1 - axis);
  return [context.emit('Transpose', [inputs[0]!.name], { perm })];
};

/** begin, end and step a axis, as ONNX's Slice takes them. */
interface SliceRange {
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly steps: readonly number[];
}

function emitSlice(name: string, { begin, end, steps }: SliceRange, context: LoweringContext): string {
  const axes = begin.map((_, axis) => axis);
  return context.emit('Slice', [name, ...[begin, end, axes, steps].map((list) => context.int64s(list))]);
}

const slice: LoweringRule = ({ inputs, attributes, outputs }, context) => {
  const { name, shape } = inputs[0]!;
  if (shape.length === 0) return [name];
  const given = attributes.begin;
  const begin = shape.map((_, axis) => Number((Array.isArray(given) ? given[axis] : axis === 0 ? given : 0) ?? 0));
  const end = begin.map((start, axis) => start + outputs[0]!.shape[axis]!);
  return [emitSlice(name, { begin, end, steps: begin.map(() => 1) }, context)];
};

/** One before the first element: the end of a slice that runs backwards to the start. */
const BEFORE_START = -(2 ** 31);

const reverse: LoweringRule = ({ inputs, attributes }, context) => {
  const { name, shape } = inputs[0]!;
  const axes = normalizeAxes(attributes.dims, shape.length);
  if (axes.length === 0 || shape.length === 0) return [name];
  const lists = [axes.map(() => -1), axes.map(() => BEFORE_START), axes, axes.map(() => -1)];
  return [context.emit('Slice', [name, ...lists.map((list) => context.int64s(list))])];
};

const concat: LoweringRule = ({ inputs, attributes, outputs }, context) => {
  const axis = normalizeAxes(attributes.axis ?? 0, outputs[0]!.shape.length)[0]!;
  // tfjs lets empty tensors of any shape take part.
  const names = inputs.filter(({ shape }) => sizeOf(shape) > 0).map(({ name }) => name);
  if (names.length === 0) return [inputs[0]!.name];
  return [names.length === 1 ? names[0]! : context.emit('Concat', names, { axis })];
};

const pack: LoweringRule = ({ inputs, attributes, outputs }, context) => {
  const axis = normalizeAxes(attributes.axis ?? 0, outputs[0]!.shape.length)[0]!;
  const shape = outputs[0]!.shape.map((size, index) => (index === axis ? 1 : size));
  return [
    context.emit(
      'Concat',
      inputs.map(({ name }) => context.reshape(name, shape)),
      { axis },
    ),
  ];
};

function split(node: LoweringNode, sizes: readonly number[], context: LoweringContext): string[] {
  const { name, shape } = node.inputs[0]!;
  const axis = normalizeAxes(node.attributes.axis ?? 0, shape.length)[0]!;
  return context.emitMany('Split', [name, context.int64s(sizes)], { axis }, sizes.length);
}

const unpack: LoweringRule = (node, context) => {
  const parts = split(
    node,
    node.outputs.map(() => 1),
    context,
  );
  return parts.map((part, index) => context.reshape(part, node.outputs[index]!.shape));
};

const splitV: LoweringRule = (node, context) => {
  const axis = normalizeAxes(node.attributes.axis ?? 0, node.inputs[0]!.shape.length)[0]!;
  return split(
    node,
    node.outputs.map(({ shape }) => shape[axis]!),
    context,
  );
};

const tile: LoweringRule = ({ inputs, attributes }, context) => {
  const reps = attributes.reps as readonly number[];
  return [context.emit('Tile', [inputs[0]!.name, context.int64s(reps)])];
};

const broadcastTo: LoweringRule = ({ inputs, outputs }, context) => {
  return [context.emit('Expand', [inputs[0]!.name, context.int64s(outputs[0]!.shape)])];
};

function pads(node: LoweringNode): (readonly [number, number])[] {
  return node.attributes.paddings as unknown as (readonly [number, number])[];
}

const padV2: LoweringRule = (node, context) => {
  const { name, dtype } = node.inputs[0]!;
  const amounts = [...pads(node).map(([before]) => before), ...pads(node).map(([, after]) => after)];
  if (dtype === 'bool') unsupported(node, 'on bools');
  const value = context.scalar(Number(node.attributes.constantValue ?? 0), dtype);
  return [context.emit('Pad', [name, context.int64s(amounts), value], { mode: 'constant' })];
};

/** ONNX has no symmetric mode; which source each place takes is known, so both modes are gathers, an axis at a time. */
const mirrorPad: LoweringRule = (node, context) => {
  const { shape } = node.inputs[0]!;
  const symmetric = node.attributes.mode === 'symmetric' ? 1 : 0;
  let result = node.inputs[0]!.name;
  pads(node).forEach(([before, after], axis) => {
    if (before === 0 && after === 0) return;
    const indices = mirrorIndices(shape[axis]!, before, after, symmetric);
    result = context.emit('Gather', [result, context.int64s(indices)], { axis });
  });
  return [result];
};

function mirrorIndices(size: number, before: number, after: number, symmetric: 0 | 1): number[] {
  return Array.from({ length: before + size + after }, (_, place) => {
    const index = place - before;
    if (index < 0) return -index - symmetric;
    return index < size ? index : 2 * size - 2 - index + symmetric;
  });
}

/** Views, slices, joins and paddings: what moves elements and computes nothing. */
export const SHAPE: LoweringTable = {
  BroadcastTo: broadcastTo,
  Concat: concat,
  Identity: identity,
  MirrorPad: mirrorPad,
  Pack: pack,
  PadV2: padV2,
  Reshape: reshape,
  Reverse: reverse,
  Slice: slice,
  SplitV: splitV,
  Tile: tile,
  Transpose: transpose,
  Unpack: unpack,
};
