import { ZERO_UNARY } from '../gradients/gradient.js';
import type { GraphDType, ValueInfo } from '../graph/graph.js';
import type { LoweringContext } from '../lower/context.js';
import type { OnnxTensor } from '../onnx/model.js';
import { graphDType, one, UnsupportedKernel } from '../trace/kernel-rule.js';
import type { KernelDefinition } from './definition.js';

/** `ConstantOfShape` keeps a large uniform tensor out of the model; ONNX Runtime computes it once, when it loads. */
function emitFill({ shape, dtype }: ValueInfo, value: number, context: LoweringContext): readonly string[] {
  if (shape.length === 0) return [context.scalar(value, dtype)];
  const tensor: OnnxTensor = { dtype, shape: [1], data: typed(dtype, [value]) };
  return [context.emit('ConstantOfShape', [context.int64s(shape)], { value: tensor })];
}

function typed(dtype: GraphDType, values: readonly number[]): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
}

const fill: KernelDefinition = {
  name: 'Fill',
  trace: {
    inputs: [],
    infer(_, attributes) {
      if (typeof attributes.value !== 'number') throw new UnsupportedKernel('only numbers can be filled in');
      const dtype = graphDType(attributes.dtype ?? 'float32');
      const shape = [...(attributes.shape as number[])];
      return one(shape, dtype, { shape, value: attributes.value, dtype });
    },
  },
  lower: ({ outputs, attributes }, context) => emitFill(outputs[0]!, Number(attributes.value), context),
};

/** One number in the shape and dtype of a tensor. */
function like(name: string, value: number): KernelDefinition {
  return {
    name,
    trace: { inputs: ['x'], infer: ([x]) => one(x!.shape, x!.dtype) },
    lower: ({ outputs }, context) => emitFill(outputs[0]!, value, context),
    gradient: ZERO_UNARY,
  };
}

/** Tensors that depend on no number. */
export const FILL: readonly KernelDefinition[] = [fill, like('OnesLike', 1), like('ZerosLike', 0)];
