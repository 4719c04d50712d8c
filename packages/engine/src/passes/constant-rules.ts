import type { GraphConstant, GraphDType } from '../graph/graph.js';
import { normalizeAxes, sameShape, sizeOf } from '../graph/shapes.js';
import { BINARY_FUNCTIONS, ELEMENTWISE_BINARY, UNARY_FUNCTIONS } from './kernel-facts.js';
import { type Rule, roundTo } from './rewriter.js';

/** Kernels that only move elements: of a uniform tensor they make another one. */
const MOVES = ['BroadcastTo', 'ExpandDims', 'Identity', 'Reshape', 'Reverse', 'Slice', 'Tile', 'Transpose'];

const onesAndZeros: Rule = {
  name: 'ones and zeros are fills',
  ops: ['OnesLike', 'ZerosLike'],
  apply: ({ op, outputs }, rewriter) => rewriter.fill(op === 'OnesLike' ? 1 : 0, outputs[0]!),
};

const smallFill: Rule = {
  name: 'a fill of one element is a constant',
  ops: ['Fill'],
  apply: ({ attributes, outputs }, rewriter) => {
    if (sizeOf(outputs[0]!.shape) !== 1 || typeof attributes.value !== 'number') return undefined;
    return rewriter.fill(attributes.value, outputs[0]!);
  },
};

const unary: Rule = {
  name: 'an element-wise kernel of a uniform tensor is uniform',
  ops: Object.keys(UNARY_FUNCTIONS),
  apply: ({ op, inputs, outputs }, rewriter) => {
    const value = rewriter.uniform(inputs[0]!);
    return value === undefined ? undefined : rewriter.fill(UNARY_FUNCTIONS[op]!(value), outputs[0]!);
  },
};

const cast: Rule = {
  name: 'a uniform tensor is cast now',
  ops: ['Cast'],
  apply: ({ inputs, outputs }, rewriter) => {
    const value = rewriter.uniform(inputs[0]!);
    return value === undefined ? undefined : rewriter.fill(value, outputs[0]!);
  },
};

const binary: Rule = {
  name: 'an element-wise kernel of uniform tensors is uniform',
  ops: Object.keys(BINARY_FUNCTIONS),
  apply: ({ op, inputs, outputs }, rewriter) => {
    const [a, b] = inputs.map((id) => rewriter.uniform(id));
    if (a === undefined || b === undefined) return undefined;
    return rewriter.fill(BINARY_FUNCTIONS[op]!(a, b), outputs[0]!);
  },
};

const moved: Rule = {
  name: 'a uniform tensor looks the same from every side',
  ops: MOVES,
  apply: ({ inputs, outputs }, rewriter) => {
    const value = rewriter.uniform(inputs[0]!);
    return value === undefined ? undefined : rewriter.fill(value, outputs[0]!);
  },
};

const reduced: Rule = {
  name: 'a uniform tensor is reduced now',
  ops: ['Sum', 'Mean', 'Max', 'Min'],
  apply: ({ op, inputs, attributes, outputs }, rewriter) => {
    const value = rewriter.uniform(inputs[0]!);
    if (value === undefined) return undefined;
    const { shape } = rewriter.info(inputs[0]!);
    const count = normalizeAxes(attributes.axis, shape.length).reduce((product, axis) => product * shape[axis]!, 1);
    // Of nothing, a mean is NaN and a maximum −∞: the kernel knows.
    if (count === 0) return undefined;
    return rewriter.fill(op === 'Sum' ? value * count : value, outputs[0]!);
  },
};

const reshapedConstant: Rule = {
  name: 'a constant is reshaped and cast now',
  ops: ['Reshape', 'ExpandDims', 'Cast'],
  apply: ({ inputs, outputs }, rewriter) => {
    const constant = rewriter.constantOf(inputs[0]!);
    if (constant === undefined) return undefined;
    const { shape, dtype } = outputs[0]!;
    return rewriter.constant(dtype, shape, dtype === constant.value.dtype ? constant.data : castData(constant, dtype));
  },
};

function castData({ data }: GraphConstant, dtype: GraphDType): GraphConstant['data'] {
  const values = Array.from(data, (value) => roundTo(value, dtype));
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

const scalarOperand: Rule = {
  name: 'a uniform operand that adds nothing to the shape is a scalar',
  ops: ELEMENTWISE_BINARY,
  apply: (node, rewriter) => {
    const { op, inputs, attributes, outputs, origin } = node;
    for (const side of [0, 1] as const) {
      const value = rewriter.uniform(inputs[side]!);
      const { shape, dtype } = rewriter.info(inputs[side]!);
      const other = rewriter.info(inputs[1 - side]!);
      if (value === undefined || shape.length === 0 || !sameShape(other.shape, outputs[0]!.shape)) continue;
      const scalar = rewriter.scalar(value, dtype);
      const operands = side === 0 ? [scalar, inputs[1]!] : [inputs[0]!, scalar];
      return rewriter.node(op, operands, attributes, outputs[0]!, origin);
    }
    return undefined;
  },
};

/** What can be computed before the program runs. Tensors of many different numbers are left to ONNX Runtime. */
export const CONSTANT_RULES: readonly Rule[] = [
  onesAndZeros,
  smallFill,
  unary,
  cast,
  binary,
  moved,
  reduced,
  reshapedConstant,
  scalarOperand,
];
