import { type Gradient, unary, zeroGradient } from './gradient.js';

/** Step functions: their derivative is zero wherever there is one. tfjs has no gradient for most of them. */
const UNARY_KERNELS = [
  'ArgMax',
  'ArgMin',
  'All',
  'Any',
  'Ceil',
  'Floor',
  'IsFinite',
  'IsInf',
  'IsNan',
  'LogicalNot',
  'OnesLike',
  'Round',
  'Sign',
  'Step',
  'ZerosLike',
] as const;

const BINARY_KERNELS = [
  'Equal',
  'FloorDiv',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'LogicalAnd',
  'LogicalOr',
  'NotEqual',
] as const;

const binaryZero = (kernel: string): Gradient => ({
  kernel,
  save: ['a', 'b'],
  backward: (_, [a, b]) => ({ a: () => zeroGradient(a!), b: () => zeroGradient(b!) }),
});

export const ZERO_GRADIENTS: readonly Gradient[] = [
  ...UNARY_KERNELS.map((kernel) => unary(kernel, (_, x) => zeroGradient(x))),
  ...BINARY_KERNELS.map(binaryZero),
];
