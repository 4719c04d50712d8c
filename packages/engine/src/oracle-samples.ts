import * as tf from '@tensorflow/tfjs-core';
import type { DType } from './program.js';

/** An input of a sample: uniform random numbers, or integers. */
export interface SampleInput {
  readonly shape: readonly number[];
  /** @default float32 */
  readonly dtype?: DType;
  /** [low, high). @default [−2, 2) */
  readonly range?: readonly [number, number];
  /** Points that no number comes near to: kinks, where finite differences say nothing. @default none */
  readonly avoid?: readonly number[];
}

/**
 * One use of one kernel, through tfjs's own op: what a kernel's tests run. Each kernel that the capture backend records
 * must have at least one, and every numeric test (ONNX against the oracle, derivatives against differences) loops over them.
 */
export interface KernelSample {
  readonly kernel: string;
  readonly inputs: readonly SampleInput[];
  run(...inputs: tf.Tensor[]): tf.Tensor | tf.Tensor[];
  /** Its float32 inputs have derivatives to compare with finite differences. @default true */
  readonly smooth?: boolean;
}

const X: SampleInput = { shape: [3, 4] };
const KINKED: SampleInput = { shape: [3, 4], avoid: [0] };
const POSITIVE: SampleInput = { shape: [3, 4], range: [0.5, 2.5] };
const UNIT: SampleInput = { shape: [3, 4], range: [-0.8, 0.8] };
const INTEGERS: SampleInput = { shape: [3, 4], dtype: 'int32', range: [-5, 6] };
const ROW: SampleInput = { shape: [4] };

type Unary = (x: tf.Tensor) => tf.Tensor;
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const unary = (kernel: string, run: Unary, input = X): KernelSample => ({ kernel, inputs: [input], run });
const steps = (kernel: string, run: Unary, input = KINKED): KernelSample => ({
  ...unary(kernel, run, input),
  smooth: false,
});
const binary = (kernel: string, run: Binary, a = X, b = ROW): KernelSample => ({
  kernel,
  inputs: [a, b],
  run: run as KernelSample['run'],
});
const compare = (kernel: string, run: Binary): KernelSample => ({
  kernel,
  inputs: [INTEGERS, { ...INTEGERS, shape: [4] }],
  run: run as KernelSample['run'],
  smooth: false,
});

/** x > 0, to have something of type bool. */
const positive: Unary = (x) => tf.greater(x, 0);

export const UNARY_SAMPLES: readonly KernelSample[] = [
  unary('Abs', tf.abs, KINKED),
  steps('Abs', tf.abs, INTEGERS),
  unary('Acos', tf.acos, UNIT),
  unary('Acosh', tf.acosh, { shape: [3, 4], range: [1.3, 3] }),
  unary('Asin', tf.asin, UNIT),
  unary('Asinh', tf.asinh),
  unary('Atan', tf.atan),
  unary('Atanh', tf.atanh, UNIT),
  unary('ClipByValue', (x) => tf.clipByValue(x, -0.7, 0.9), { shape: [3, 4], avoid: [-0.7, 0.9] }),
  unary('Cos', tf.cos),
  unary('Cosh', tf.cosh),
  unary('Elu', tf.elu, KINKED),
  unary('Erf', tf.erf),
  unary('Exp', tf.exp),
  unary('Expm1', tf.expm1),
  unary('LeakyRelu', (x) => tf.leakyRelu(x, 0.3), KINKED),
  unary('Log', tf.log, POSITIVE),
  unary('Log1p', tf.log1p, POSITIVE),
  unary('Neg', tf.neg),
  steps('Neg', tf.neg, INTEGERS),
  unary('Reciprocal', tf.reciprocal, POSITIVE),
  unary('Relu', tf.relu, KINKED),
  unary('Relu6', tf.relu6, { shape: [3, 4], range: [-3, 9], avoid: [0, 6] }),
  unary('Rsqrt', tf.rsqrt, POSITIVE),
  unary('Selu', tf.selu, KINKED),
  unary('Sigmoid', tf.sigmoid),
  unary('Sigmoid', tf.sigmoid, { shape: [7], range: [-90, 90] }),
  unary('Sin', tf.sin),
  unary('Sinh', tf.sinh),
  unary('Softplus', tf.softplus),
  unary('Softplus', tf.softplus, { shape: [7], range: [-90, 90] }),
  unary('Sqrt', tf.sqrt, POSITIVE),
  unary('Square', tf.square),
  steps('Square', tf.square, INTEGERS),
  unary('Tan', tf.tan, { shape: [3, 4], range: [-1, 1] }),
  unary('Tanh', tf.tanh),
  steps('Ceil', tf.ceil),
  steps('Floor', tf.floor),
  steps('Round', tf.round),
  steps('Round', (x) => tf.round(tf.div(tf.cast(x, 'float32'), 2)), INTEGERS),
  steps('Sign', tf.sign),
  steps('Step', (x) => tf.step(x, -0.4)),
  steps('IsFinite', (x) => tf.isFinite(tf.div(x, tf.relu(x)))),
  steps('IsInf', (x) => tf.isInf(tf.div(x, tf.relu(x)))),
  steps('IsNan', (x) => tf.isNaN(tf.sqrt(x))),
  steps('LogicalNot', (x) => tf.logicalNot(positive(x))),
  steps('ZerosLike', tf.zerosLike),
  steps('OnesLike', tf.onesLike),
];

export const BINARY_SAMPLES: readonly KernelSample[] = [
  binary('Add', tf.add),
  { ...binary('Add', tf.add, INTEGERS, INTEGERS), smooth: false },
  { kernel: 'AddN', inputs: [X, X, X], run: (...xs) => tf.addN(xs) },
  binary('Atan2', tf.atan2, POSITIVE, POSITIVE),
  binary('Maximum', tf.maximum),
  binary('Minimum', tf.minimum, { shape: [2, 1, 4] }, { shape: [3, 1] }),
  binary('Multiply', tf.mul),
  binary('Multiply', tf.mul, { shape: [] }, X),
  binary('Pow', tf.pow, POSITIVE, { shape: [4], range: [-2, 3] }),
  unary('Pow', (x) => tf.pow(x, 2), KINKED),
  binary('Prelu', tf.prelu, KINKED, { shape: [4], range: [0.1, 0.5] }),
  binary('RealDiv', tf.div, X, { shape: [4], range: [0.5, 2] }),
  binary('SquaredDifference', tf.squaredDifference),
  binary('Sub', tf.sub, ROW, X),
  { ...binary('FloorDiv', tf.floorDiv, INTEGERS, { shape: [4], dtype: 'int32', range: [2, 5] }), smooth: false },
  { ...binary('Mod', tf.mod, X, { shape: [4], range: [0.5, 1] }), smooth: false },
  { ...binary('Mod', tf.mod, INTEGERS, { shape: [4], dtype: 'int32', range: [2, 5] }), smooth: false },
  compare('Equal', tf.equal),
  compare('NotEqual', tf.notEqual),
  compare('Greater', tf.greater),
  compare('GreaterEqual', tf.greaterEqual),
  compare('Less', tf.less),
  compare('LessEqual', tf.lessEqual),
  { ...binary('LogicalAnd', (a, b) => tf.logicalAnd(positive(a), positive(b))), smooth: false },
  { ...binary('LogicalOr', (a, b) => tf.logicalOr(positive(a), positive(b))), smooth: false },
];

const REDUCE_SAMPLES: readonly KernelSample[] = [
  unary('Sum', (x) => tf.sum(x)),
  unary('Sum', (x) => tf.sum(x, [0, -1], true), { shape: [2, 3, 4] }),
  steps('Sum', (x) => tf.sum(x, 1), INTEGERS),
  unary('Mean', (x) => tf.mean(x)),
  unary('Mean', (x) => tf.mean(x, -1, true)),
  unary('Max', (x) => tf.max(x, 1), { shape: [3, 5] }),
  unary('Max', (x) => tf.max(x, 0, true), { shape: [3, 5] }),
  unary('Min', (x) => tf.min(x, [0, 2]), { shape: [2, 3, 4] }),
  unary('Prod', (x) => tf.prod(x, 1)),
  steps('All', (x) => tf.all(positive(x), 1), { shape: [4, 2] }),
  steps('Any', (x) => tf.any(positive(x), 0, true), { shape: [2, 5] }),
  steps('ArgMax', (x) => tf.argMax(x, -1)),
  steps('ArgMin', (x) => tf.argMin(x, 0)),
  unary('Cumsum', (x) => tf.cumsum(x, 0), { shape: [3, 4, 2] }),
  unary('Cumsum', (x) => tf.cumsum(x, 1, true, true), { shape: [3, 4, 2] }),
  unary('Softmax', (x) => tf.softmax(x)),
];

const fused = (
  activation: 'linear' | 'relu' | 'sigmoid' | 'elu' | 'relu6' | 'leakyrelu',
  alpha?: number,
): KernelSample => ({
  kernel: '_FusedMatMul',
  inputs: [{ shape: [3, 5] }, { shape: [5, 4] }, { shape: [4] }],
  run: (a, b, bias) =>
    tf.fused.matMul({
      a: a!,
      b: b!,
      transposeA: false,
      transposeB: false,
      bias: bias!,
      activation,
      leakyreluAlpha: alpha!,
    }),
});

const MATMUL_SAMPLES: readonly KernelSample[] = [
  binary('BatchMatMul', (a, b) => tf.matMul(a, b), { shape: [3, 5] }, { shape: [5, 4] }),
  binary('BatchMatMul', (a, b) => tf.matMul(a, b, true, false), { shape: [5, 3] }, { shape: [5, 4] }),
  binary('BatchMatMul', (a, b) => tf.matMul(a, b, false, true), { shape: [2, 3, 5] }, { shape: [2, 4, 5] }),
  binary('BatchMatMul', (a, b) => tf.matMul(a, b, true, true), { shape: [2, 5, 3] }, { shape: [2, 4, 5] }),
  fused('linear'),
  fused('relu'),
  fused('sigmoid'),
  fused('elu'),
  fused('relu6'),
  fused('leakyrelu', 0.3),
  {
    kernel: '_FusedMatMul',
    inputs: [{ shape: [5, 3] }, { shape: [4, 5] }],
    run: (a, b) => tf.fused.matMul({ a: a!, b: b!, transposeA: true, transposeB: true }),
  },
];

const CUBE: SampleInput = { shape: [2, 3, 4] };

const SHAPE_SAMPLES: readonly KernelSample[] = [
  unary('Reshape', (x) => tf.reshape(x, [-1, 2])),
  unary('ExpandDims', (x) => tf.expandDims(x, -1)),
  unary('Transpose', (x) => tf.transpose(x, [2, 0, 1]), CUBE),
  unary('Tile', (x) => tf.tile(x, [2, 1, 3]), CUBE),
  unary('Tile', (x) => tf.broadcastTo(x, [5, 4]), ROW),
  unary('Reverse', (x) => tf.reverse(x, [0, -1]), CUBE),
  unary('Identity', tf.clone),
  steps('Cast', (x) => tf.cast(x, 'int32')),
  steps('Cast', (x) => tf.cast(x, 'bool'), INTEGERS),
  steps('Cast', (x) => tf.cast(positive(x), 'float32')),
  steps('Cast', (x) => tf.cast(x, 'float32'), INTEGERS),
  unary('Fill', (x) => tf.mul(x, tf.fill([3, 4], 1.5))),
  steps('Fill', (x) => tf.add(x, tf.fill([3, 4], 7, 'int32')), INTEGERS),
];

const paddings = [
  [1, 0],
  [2, 1],
  [0, 3],
] as [number, number][];

const SLICE_SAMPLES: readonly KernelSample[] = [
  unary('Slice', (x) => tf.slice(x, [0, 1, 2], [-1, 2, 1]), CUBE),
  { kernel: 'Concat', inputs: [CUBE, { shape: [2, 1, 4] }], run: (a, b) => tf.concat([a!, b!], 1) },
  { kernel: 'Pack', inputs: [X, X], run: (a, b) => tf.stack([a!, b!], -1) },
  { kernel: 'Unpack', inputs: [CUBE], run: (x) => tf.unstack(x!, 1) },
  { kernel: 'SplitV', inputs: [CUBE], run: (x) => tf.split(x!, [1, 3], -1) },
  { kernel: 'SplitV', inputs: [CUBE], run: (x) => tf.split(x!, 2, 0) },
  unary('PadV2', (x) => tf.pad(x, paddings, 0.5), CUBE),
  unary(
    'MirrorPad',
    (x) =>
      tf.mirrorPad(
        x,
        [
          [1, 0],
          [2, 1],
          [0, 3],
        ],
        'reflect',
      ),
    CUBE,
  ),
  unary(
    'MirrorPad',
    (x) =>
      tf.mirrorPad(
        x,
        [
          [1, 2],
          [0, 0],
          [3, 1],
        ],
        'symmetric',
      ),
    CUBE,
  ),
];

const SELECT_SAMPLES: readonly KernelSample[] = [
  { kernel: 'Select', inputs: [X, ROW, X], run: (c, a, b) => tf.where(positive(c!), a!, b!), smooth: false },
  { kernel: 'Select', inputs: [X, ROW], run: (a, b) => tf.where(tf.tensor2d([[1], [0], [1]], [3, 1], 'bool'), a!, b!) },
  {
    kernel: 'GatherV2',
    inputs: [CUBE, { shape: [5], dtype: 'int32', range: [0, 3] }],
    run: (x, indices) => tf.gather(x!, indices! as tf.Tensor1D, 1),
  },
  {
    kernel: 'GatherV2',
    inputs: [{ shape: [6, 3] }, { shape: [2, 2], dtype: 'int32', range: [0, 6] }],
    run: (x, indices) => tf.gather(x!, indices!),
  },
  {
    kernel: 'OneHot',
    inputs: [{ shape: [3, 2], dtype: 'int32', range: [0, 5] }],
    run: (indices) => tf.oneHot(indices!, 5, 2, -1, 'float32'),
    smooth: false,
  },
  {
    kernel: 'UnsortedSegmentSum',
    inputs: [{ shape: [6, 3] }, { shape: [6], dtype: 'int32', range: [0, 4] }],
    run: (x, ids) => tf.unsortedSegmentSum(x!, ids! as tf.Tensor1D, 4),
  },
];

/** At the end of the list, because a sample's place in it seeds its inputs. */
const MANY_AXES_SAMPLES: readonly KernelSample[] = [
  unary('Prod', (x) => tf.prod(x, [0, 2]), { shape: [2, 3, 2] }),
  binary('BatchMatMul', (a, b) => tf.matMul(a, b), { shape: [2, 3, 4] }, { shape: [4, 2] }),
  binary('BatchMatMul', (a, b) => tf.matMul(a, b, true, true), { shape: [1, 4, 3] }, { shape: [2, 5, 4] }),
];

export const KERNEL_SAMPLES: readonly KernelSample[] = [
  ...UNARY_SAMPLES,
  ...BINARY_SAMPLES,
  ...REDUCE_SAMPLES,
  ...MATMUL_SAMPLES,
  ...SHAPE_SAMPLES,
  ...SLICE_SAMPLES,
  ...SELECT_SAMPLES,
  ...MANY_AXES_SAMPLES,
];

/** How far numbers stay away from the points in `avoid`. */
const MARGIN = 0.05;

/** A small generator of uniform numbers in [0, 1) from a seed (Park and Miller's minimal standard). */
export function seededUniform(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 16807) % 2147483647;
    return (state - 1) / 2147483646;
  };
}

/** Values of one input of a sample. */
export function sampleValues(input: SampleInput, uniform: () => number): Float32Array | Int32Array {
  const [low, high] = input.range ?? [-2, 2];
  const length = input.shape.reduce((product, size) => product * size, 1);
  if (input.dtype === 'int32') return Int32Array.from({ length }, () => Math.floor(low + uniform() * (high - low)));
  return Float32Array.from({ length }, () => {
    const value = low + uniform() * (high - low);
    const near = (input.avoid ?? []).find((point) => Math.abs(value - point) < MARGIN);
    return near === undefined ? value : near + (value < near ? -MARGIN : MARGIN);
  });
}
