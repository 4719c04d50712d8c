import { broadcast_util } from '@tensorflow/tfjs-core';
import { type KernelRule, one, requireFloat, type TensorShape, UnsupportedKernel } from '../kernel-rule.js';

const ARITHMETIC_KERNELS = ['Add', 'Maximum', 'Minimum', 'Mod', 'Multiply', 'Pow', 'SquaredDifference', 'Sub'] as const;
const FLOAT_KERNELS = ['Atan2', 'RealDiv'] as const;
const COMPARISON_KERNELS = ['Equal', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'NotEqual'] as const;
const LOGICAL_KERNELS = ['LogicalAnd', 'LogicalOr'] as const;

/** The shape of two operands broadcast against each other, as numpy does it. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  return broadcast_util.assertAndGetBroadcastShape([...a], [...b]);
}

/** tfjs's own ops make the types of operands match; only a kernel that was run by hand fails here. */
function commonDType(a: TensorShape, b: TensorShape): void {
  if (a.dtype !== b.dtype) throw new UnsupportedKernel(`its operands are ${a.dtype} and ${b.dtype}: cast one of them`);
}

const arithmeticRule = (kernel: string): KernelRule => ({
  kernel,
  inputs: ['a', 'b'],
  infer([a, b]) {
    commonDType(a!, b!);
    if (a!.dtype === 'bool') throw new UnsupportedKernel('it cannot calculate with bool: cast with tf.cast first');
    return one(broadcastShape(a!.shape, b!.shape), a!.dtype);
  },
});

const floatRule = (kernel: string): KernelRule => ({
  kernel,
  inputs: ['a', 'b'],
  infer(inputs) {
    requireFloat(inputs);
    return one(broadcastShape(inputs[0]!.shape, inputs[1]!.shape), 'float32');
  },
});

/** On float32 tfjs's backends do not agree about the type of the result. */
const floorDivRule: KernelRule = {
  kernel: 'FloorDiv',
  inputs: ['a', 'b'],
  infer([a, b]) {
    if (a!.dtype !== 'int32' || b!.dtype !== 'int32') {
      throw new UnsupportedKernel('it needs int32; use tf.floor(tf.div(a, b))');
    }
    return one(broadcastShape(a!.shape, b!.shape), 'int32');
  },
};

const comparisonRule = (kernel: string): KernelRule => ({
  kernel,
  inputs: ['a', 'b'],
  infer([a, b]) {
    commonDType(a!, b!);
    return one(broadcastShape(a!.shape, b!.shape), 'bool');
  },
});

const preluRule: KernelRule = {
  kernel: 'Prelu',
  inputs: ['x', 'alpha'],
  infer(inputs) {
    requireFloat(inputs);
    return one(broadcastShape(inputs[0]!.shape, inputs[1]!.shape), 'float32');
  },
};

const logicalNotRule: KernelRule = { kernel: 'LogicalNot', inputs: ['x'], infer: ([x]) => one(x!.shape, 'bool') };

const addNRule: KernelRule = {
  kernel: 'AddN',
  inputs: 'list',
  infer: ([first]) => one(first!.shape, first!.dtype),
};

export const BINARY_RULES: readonly KernelRule[] = [
  ...ARITHMETIC_KERNELS.map(arithmeticRule),
  ...FLOAT_KERNELS.map(floatRule),
  ...COMPARISON_KERNELS.map(comparisonRule),
  ...LOGICAL_KERNELS.map(comparisonRule),
  floorDivRule,
  preluRule,
  logicalNotRule,
  addNRule,
];
