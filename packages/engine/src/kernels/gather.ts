import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { zeroGradient } from '../gradients/gradient.js';
import { sizeOf } from '../graph/shapes.js';
import type { LoweringRule, Operand } from '../lower/context.js';
import { reshape, stack, transpose, unsortedSegmentSum, unstack } from '../tfjs.js';
import { axesOf, graphDType, one, UnsupportedKernel } from '../trace/kernel-rule.js';
import type { KernelDefinition } from './definition.js';

/** ONNX counts negative indices from the end; tfjs refuses them, so they are moved out of range, where the runtime does too. */
const lowerGather: LoweringRule = ({ inputs, attributes, outputs }, context) => {
  const [x, indices] = inputs as [Operand, Operand];
  const axis = attributes.axis as number;
  const given = context.cast(indices.name, indices.dtype, 'int32');
  const isNegative = context.emit('Less', [given, context.int32(0)]);
  const checked = context.emit('Where', [isNegative, context.int32(x.shape[axis]!), given]);
  const gathered = context.emit('Gather', [x.name, checked], { axis });
  return [context.reshape(gathered, outputs[0]!.shape)];
};

interface GatherAxes {
  readonly axis: number;
  /** Leading axes that x and the indices share. */
  readonly batchDims: number;
}

/** Each row of dy goes back to where it came from. tfjs's own fails for batches, which here are taken one by one. */
function gatherGradient(dy: Tensor, x: Tensor, indices: Tensor, { axis, batchDims }: GatherAxes): Tensor {
  if (batchDims > 0) {
    const [parts, places] = [unstack(x), unstack(indices)];
    const inner = { axis: axis - 1, batchDims: batchDims - 1 };
    return stack(unstack(dy).map((part, i) => gatherGradient(part, parts[i]!, places[i]!, inner)));
  }
  const [outer, rest] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
  const rows = reshape(dy, [...outer, indices.size, ...rest]);
  const order = [axis, ...outer.keys(), ...rest.map((_, i) => axis + 1 + i)];
  const ids = reshape(indices, [indices.size]) as Tensor1D;
  const summed = unsortedSegmentSum(transpose(rows, order), ids, x.shape[axis]!);
  return transpose(
    summed,
    order.map((_, i) => order.indexOf(i)),
  );
}

/** Output: x's shape with `axis` replaced by the indices' shape. */
const gatherV2: KernelDefinition = {
  name: 'GatherV2',
  trace: {
    inputs: ['x', 'indices'],
    infer([x, indices], attributes) {
      const axis = axesOf(attributes.axis, x!.shape)[0]!;
      const batchDims = (attributes.batchDims as number | undefined) ?? 0;
      if (batchDims !== 0) throw new UnsupportedKernel(`batchDims ${batchDims}: gather from each part of tf.unstack`);
      const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
      return one(shape, x!.dtype, { axis, batchDims });
    },
  },
  lower: lowerGather,
  gradient: {
    save: ['x', 'indices'],
    backward: (dy, [x, indices], { axis, batchDims }) => {
      const axes = { axis: axesOf(axis, x!.shape)[0]!, batchDims: (batchDims as number | undefined) ?? 0 };
      return { x: () => gatherGradient(dy, x!, indices!, axes), indices: () => zeroGradient(indices!) };
    },
  },
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
const segmentSum: KernelDefinition = {
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
export const GATHER: readonly KernelDefinition[] = [gatherV2, oneHot, segmentSum];
