import type { GraphDType, ValueInfo } from '../graph/graph.js';
import type { OnnxTensor } from '../onnx/model.js';
import type { LoweringContext, LoweringTable } from './context.js';

/** `ConstantOfShape` keeps a large uniform tensor out of the model; ONNX Runtime computes it once, when it loads. */
function fill({ shape, dtype }: ValueInfo, value: number, context: LoweringContext): readonly string[] {
  if (shape.length === 0) return [context.scalar(value, dtype)];
  const tensor: OnnxTensor = { dtype, shape: [1], data: typed(dtype, [value]) };
  return [context.emit('ConstantOfShape', [context.int64s(shape)], { value: tensor })];
}

function typed(dtype: GraphDType, values: readonly number[]): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
}

/** Tensors that depend on no input. */
export const FILL: LoweringTable = {
  Fill: ({ outputs, attributes }, context) => fill(outputs[0]!, Number(attributes.value), context),
  OnesLike: ({ outputs }, context) => fill(outputs[0]!, 1, context),
  ZerosLike: ({ outputs }, context) => fill(outputs[0]!, 0, context),
};
