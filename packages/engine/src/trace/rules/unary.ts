import { type KernelRule, one, requireFloat } from '../kernel-rule.js';

/** Kernels that keep shape and dtype, of float32 only: on integers tfjs truncates their result, which nobody wants. */
const FLOAT_KERNELS = [
  'Acos',
  'Acosh',
  'Asin',
  'Asinh',
  'Atan',
  'Atanh',
  'Ceil',
  'Cos',
  'Cosh',
  'Elu',
  'Erf',
  'Exp',
  'Expm1',
  'Floor',
  'Log',
  'Log1p',
  'Reciprocal',
  'Round',
  'Rsqrt',
  'Selu',
  'Sigmoid',
  'Sin',
  'Sinh',
  'Softplus',
  'Sqrt',
  'Tan',
  'Tanh',
] as const;

/** Kernels that keep shape and dtype, of any number. */
const NUMBER_KERNELS = ['Abs', 'Neg', 'Relu', 'Relu6', 'Sign', 'Square', 'ZerosLike', 'OnesLike'] as const;

/** Kernels from numbers to bool. */
const TEST_KERNELS = ['IsFinite', 'IsInf', 'IsNan'] as const;

const floatRule = (kernel: string): KernelRule => ({
  kernel,
  inputs: ['x'],
  infer(inputs) {
    requireFloat(inputs);
    return one(inputs[0]!.shape, 'float32');
  },
});

const numberRule = (kernel: string): KernelRule => ({
  kernel,
  inputs: ['x'],
  infer: ([x]) => one(x!.shape, x!.dtype),
});

const testRule = (kernel: string): KernelRule => ({
  kernel,
  inputs: ['x'],
  infer(inputs) {
    requireFloat(inputs);
    return one(inputs[0]!.shape, 'bool');
  },
});

/** A float32 kernel with numbers as attributes, which tfjs may leave out. */
const attributeRule = (kernel: string, defaults: Readonly<Record<string, number>>): KernelRule => ({
  kernel,
  inputs: ['x'],
  infer(inputs, given) {
    requireFloat(inputs);
    const entries = Object.entries(defaults).map(([name, value]) => [name, (given[name] as number) ?? value]);
    return one(inputs[0]!.shape, 'float32', Object.fromEntries(entries));
  },
});

export const UNARY_RULES: readonly KernelRule[] = [
  ...FLOAT_KERNELS.map(floatRule),
  ...NUMBER_KERNELS.map(numberRule),
  ...TEST_KERNELS.map(testRule),
  attributeRule('LeakyRelu', { alpha: 0.2 }),
  attributeRule('Step', { alpha: 0 }),
  attributeRule('ClipByValue', { clipValueMin: -Infinity, clipValueMax: Infinity }),
];
