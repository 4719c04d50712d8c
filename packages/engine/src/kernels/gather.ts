import { normalizeAxes, sizeOf } from '../graph/shapes.js';
import { type LoweringRule, type Operand, unsupported } from '../lower/context.js';
import { axesOf, graphDType, one } from '../trace/kernel-rule.js';
import type { KernelDefinition } from './definition.js';

/** ONNX counts negative indices from the end; tfjs refuses them, so they are moved out of range, where the runtime does too. */
const lowerGather: LoweringRule = (node, context) => {
  const [x, indices] = node.inputs as [Operand, Operand];
  const batchDims = Number(node.attributes.batchDims ?? 0);
  if (batchDims !== 0) unsupported(node, `with batchDims ${batchDims}`);
  const axis = normalizeAxes(node.attributes.axis ?? 0, x.shape.length)[0]!;
  const given = context.cast(indices.name, indices.dtype, 'int32');
  const isNegative = context.emit('Less', [given, context.int32(0)]);
  const checked = context.emit('Where', [isNegative, context.int32(x.shape[axis]!), given]);
  const gathered = context.emit('Gather', [x.name, checked], { axis });
  return [context.reshape(gathered, node.outputs[0]!.shape)];
};

/** Output: x's shape with `axis` replaced by the indices' shape, whose first `batchDims` axes are shared with x. */
const gatherV2: KernelDefinition = {
  name: 'GatherV2',
  trace: {
    inputs: ['x', 'indices'],
    infer([x, indices], attributes) {
      const axis = axesOf(attributes.axis, x!.shape)[0]!;
      const batchDims = (attributes.batchDims as number | undefined) ?? 0;
      const shape = [...x!.shape.slice(0, axis), ...indices!.shape.slice(batchDims), ...x!.shape.slice(axis + 1)];
      return one(shape, x!.dtype, { axis, batchDims });
    },
  },
  lower: lowerGather,
};

/** Compared with 0 … depth−1, so that an index out of range gives a row of offValue, as in tfjs (ONNX's OneHot wraps). */
const lowerOneHot: LoweringRule = ({ inputs, attributes, outputs }, context) => {
  const { name, shape, dtype } = inputs[0]!;
  const result = outputs[0]!.dtype;
  const depth = Number(attributes.depth);
  const places = Int32Array.from({ length: depth }, (_, i) => i);
  const classes = context.tensor({ dtype: 'int32', shape: [depth], data: places });
  const column = context.reshape(context.cast(name, dtype, 'int32'), [...shape, 1]);
  const hot = context.emit('Equal', [column, classes]);
  const inner = result === 'bool' ? 'int32' : result;
  const values = [attributes.onValue, attributes.offValue].map((value) => context.scalar(Number(value), inner));
  return [context.cast(context.emit('Where', [hot, ...values]), inner, result)];
};

const oneHot: KernelDefinition = {
  name: 'OneHot',
  trace: {
    inputs: ['indices'],
    infer([indices], attributes) {
      const depth = attributes.depth as number;
      const dtype = graphDType(attributes.dtype ?? 'int32');
      const onValue = (attributes.onValue as number | undefined) ?? 1;
      const offValue = (attributes.offValue as number | undefined) ?? 0;
      return one([...indices!.shape, depth], dtype, { depth, onValue, offValue, dtype });
    },
  },
  lower: lowerOneHot,
};

/**
 * Rows of segments that do not exist count for nothing, as in tfjs: they are added to the first as zeros.
 */
const lowerSegmentSum: LoweringRule = ({ inputs, outputs }, context) => {
  const [x, segments] = inputs as [Operand, Operand];
  const { shape, dtype } = outputs[0]!;
  const zeros = context.emit('Expand', [context.scalar(0, dtype), context.int64s(shape)]);
  const ids = context.cast(segments.name, segments.dtype, 'int32');
  const isBelow = context.emit('Less', [ids, context.int32(shape[0]!)]);
  const exists = context.emit('And', [context.emit('GreaterOrEqual', [ids, context.int32(0)]), isBelow]);
  const existing = context.cast(context.emit('Where', [exists, ids, context.int32(0)]), 'int32', 'int64');
  const count = sizeOf(segments.shape);
  const row = context.reshape(exists, [count, ...x.shape.slice(1).map(() => 1)]);
  const rows = context.emit('Where', [row, x.name, context.scalar(0, dtype)]);
  return [context.emit('ScatterND', [zeros, context.reshape(existing, [count, 1]), rows], { reduction: 'add' })];
};

/** Adds the rows of x up by the segment that each belongs to; what the gradient of a gather, an embedding's, is made of. */
const unsortedSegmentSum: KernelDefinition = {
  name: 'UnsortedSegmentSum',
  trace: {
    inputs: ['x', 'segmentIds'],
    infer([x, segmentIds], attributes) {
      const numSegments = attributes.numSegments as number;
      return one([numSegments, ...x!.shape.slice(segmentIds!.shape.length)], x!.dtype, { numSegments });
    },
  },
  lower: lowerSegmentSum,
};

/** Reads and writes through an index tensor. */
export const GATHER: readonly KernelDefinition[] = [gatherV2, oneHot, unsortedSegmentSum];
