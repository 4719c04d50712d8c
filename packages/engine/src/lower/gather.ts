import { normalizeAxes, sizeOf } from '../graph/shapes.js';
import { type LoweringRule, type LoweringTable, type Operand, unsupported } from './context.js';

const gatherV2: LoweringRule = (node, context) => {
  const [x, indices] = node.inputs as [Operand, Operand];
  const batchDims = Number(node.attributes.batchDims ?? 0);
  if (batchDims !== 0) unsupported(node, `with batchDims ${batchDims}`);
  const axis = normalizeAxes(node.attributes.axis ?? 0, x.shape.length)[0]!;
  const gathered = context.emit('Gather', [x.name, context.cast(indices.name, indices.dtype, 'int32')], { axis });
  return [context.reshape(gathered, node.outputs[0]!.shape)];
};

const gatherNd: LoweringRule = ({ inputs }, context) => {
  const [params, indices] = inputs as [Operand, Operand];
  return [context.emit('GatherND', [params.name, context.cast(indices.name, indices.dtype, 'int64')])];
};

const scatterNd: LoweringRule = ({ inputs, outputs }, context) => {
  const [indices, updates] = inputs as [Operand, Operand];
  const { shape, dtype } = outputs[0]!;
  const zeros = context.emit('Expand', [context.scalar(0, dtype), context.int64s(shape)]);
  const places = context.cast(indices.name, indices.dtype, 'int64');
  return [context.emit('ScatterND', [zeros, places, updates.name], { reduction: 'add' })];
};

const tensorScatterUpdate: LoweringRule = ({ inputs }, context) => {
  const [tensor, indices, updates] = inputs as [Operand, Operand, Operand];
  const places = context.cast(indices.name, indices.dtype, 'int64');
  return [context.emit('ScatterND', [tensor.name, places, updates.name])];
};

/** Rows of x summed into the segment that each belongs to: the gradient of a gather. */
const unsortedSegmentSum: LoweringRule = ({ inputs, outputs }, context) => {
  const [x, segments] = inputs as [Operand, Operand];
  const { shape, dtype } = outputs[0]!;
  const zeros = context.emit('Expand', [context.scalar(0, dtype), context.int64s(shape)]);
  const ids = context.cast(segments.name, segments.dtype, 'int64');
  const places = context.reshape(ids, [sizeOf(segments.shape), 1]);
  return [context.emit('ScatterND', [zeros, places, x.name], { reduction: 'add' })];
};

/** Compared with 0 … depth−1, so that an index out of range gives a row of offValue, as in tfjs (ONNX's OneHot wraps). */
const oneHot: LoweringRule = ({ inputs, attributes, outputs }, context) => {
  const { name, shape, dtype } = inputs[0]!;
  const result = outputs[0]!.dtype;
  const depth = Number(attributes.depth);
  const classes = context.tensor({
    dtype: 'int32',
    shape: [depth],
    data: Int32Array.from({ length: depth }, (_, i) => i),
  });
  const column = context.reshape(context.cast(name, dtype, 'int32'), [...shape, 1]);
  const hot = context.emit('Equal', [column, classes]);
  const inner = result === 'bool' ? 'int32' : result;
  const values = [attributes.onValue ?? 1, attributes.offValue ?? 0].map((value) =>
    context.scalar(Number(value), inner),
  );
  return [context.cast(context.emit('Where', [hot, ...values]), inner, result)];
};

/** Reads and writes through an index tensor. */
export const GATHER: LoweringTable = {
  GatherNd: gatherNd,
  GatherV2: gatherV2,
  OneHot: oneHot,
  ScatterNd: scatterNd,
  TensorScatterUpdate: tensorScatterUpdate,
  UnsortedSegmentSum: unsortedSegmentSum,
};
