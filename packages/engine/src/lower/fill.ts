import type { GraphDType, ValueInfo } from '../graph/graph.js';
import { sizeOf } from '../graph/shapes.js';
import type { OnnxTensor } from '../onnx/model.js';
import type { LoweringContext, LoweringRule, LoweringTable } from './context.js';

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

/** start, start + step, … : `Range` and `LinSpace` are known when they are lowered. */
function series(
  start: (attributes: Parameters<LoweringRule>[0]['attributes'], count: number) => [number, number],
): LoweringRule {
  return ({ attributes, outputs }, context) => {
    const { shape, dtype } = outputs[0]!;
    const count = sizeOf(shape);
    const [first, step] = start(attributes, count);
    const values = Array.from({ length: count }, (_, index) => first + index * step);
    return [context.tensor({ dtype, shape, data: typed(dtype, values) })];
  };
}

/** Tensors that depend on no input. */
export const FILL: LoweringTable = {
  Fill: ({ outputs, attributes }, context) => fill(outputs[0]!, Number(attributes.value), context),
  LinSpace: series(({ start, stop }, count) => {
    return [Number(start), count > 1 ? (Number(stop) - Number(start)) / (count - 1) : 0];
  }),
  OnesLike: ({ outputs }, context) => fill(outputs[0]!, 1, context),
  Range: series(({ start, stop, step }) => {
    // tfjs counts down when stop lies below start and the step was left at its default.
    const down = Number(stop) < Number(start) && Number(step ?? 1) === 1;
    return [Number(start), down ? -1 : Number(step ?? 1)];
  }),
  ZerosLike: ({ outputs }, context) => fill(outputs[0]!, 0, context),
};
