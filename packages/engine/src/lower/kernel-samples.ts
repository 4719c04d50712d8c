import type { Attribute, GraphDType } from '../graph/graph.js';

/** Random operands of one kernel, for comparing what it computes here and on tfjs's cpu backend. Only tests import this. */
export interface KernelSample {
  readonly kernel: string;
  /** tfjs's names of the operands; none for kernels that take a list. */
  readonly names?: readonly string[];
  readonly inputs: readonly SampleTensor[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface SampleTensor {
  readonly shape: readonly number[];
  readonly dtype: GraphDType;
  /** Range of the random values, upper end included for integers. */
  readonly range: readonly [number, number];
}

const f = (shape: readonly number[], low = -2, high = 2): SampleTensor => ({
  shape,
  dtype: 'float32',
  range: [low, high],
});
const i = (shape: readonly number[], low = -5, high = 5): SampleTensor => ({
  shape,
  dtype: 'int32',
  range: [low, high],
});
const b = (shape: readonly number[]): SampleTensor => ({ shape, dtype: 'bool', range: [0, 1] });

function unary(kernel: string, input: SampleTensor, attributes: KernelSample['attributes'] = {}): KernelSample {
  return { kernel, names: ['x'], inputs: [input], attributes };
}

function binary(kernel: string, ...inputs: readonly SampleTensor[]): KernelSample {
  return { kernel, names: ['a', 'b'], inputs, attributes: {} };
}

function list(
  kernel: string,
  inputs: readonly SampleTensor[],
  attributes: KernelSample['attributes'] = {},
): KernelSample {
  return { kernel, inputs, attributes };
}

const UNARY: readonly KernelSample[] = [
  ...['Abs', 'Ceil', 'Cos', 'Cosh', 'Exp', 'Expm1', 'Floor', 'IsFinite', 'IsInf', 'IsNan', 'Neg', 'Relu'].map(
    (kernel) => unary(kernel, f([3, 5], -4, 4)),
  ),
  ...['Relu6', 'Round', 'Selu', 'Elu', 'Sigmoid', 'Sign', 'Sin', 'Sinh', 'Square', 'Tanh', 'Erf', 'Atan', 'Asinh'].map(
    (kernel) => unary(kernel, f([4, 3, 2], -3, 8)),
  ),
  ...['Log', 'Log1p', 'Sqrt', 'Rsqrt', 'Reciprocal'].map((kernel) => unary(kernel, f([7], 0.01, 9))),
  ...['Acos', 'Asin', 'Atanh', 'Tan'].map((kernel) => unary(kernel, f([6], -0.95, 0.95))),
  ...['Abs', 'Neg', 'Relu', 'Relu6', 'Square', 'Floor', 'Round', 'Sign'].map((kernel) => unary(kernel, i([9]))),
  unary('Expm1', f([8], -1e-4, 1e-4)),
  unary('Log1p', f([8], -1e-4, 1e-4)),
  unary('Log1p', f([8], -0.9, -0.4)),
  unary('Softplus', f([9, 2], -30, 30)),
  unary('Acosh', f([6], 1.1, 9)),
  unary('LogicalNot', b([5])),
  unary('LeakyRelu', f([3, 4]), { alpha: 0.3 }),
  unary('Step', f([3, 4]), { alpha: 0 }),
  unary('Step', f([3, 4]), { alpha: 0.25 }),
  unary('ClipByValue', f([10]), { clipValueMin: -0.5, clipValueMax: 1.25 }),
  unary('Cast', f([10], -5, 5), { dtype: 'int32' }),
  unary('Cast', f([10]), { dtype: 'bool' }),
  unary('Cast', i([10]), { dtype: 'float32' }),
  unary('Cast', b([10]), { dtype: 'float32' }),
  unary('Identity', f([2, 3])),
  unary('OnesLike', f([2, 3])),
  unary('ZerosLike', i([2, 3])),
];

const BINARY: readonly KernelSample[] = [
  ...['Add', 'Sub', 'Multiply', 'Maximum', 'Minimum', 'SquaredDifference', 'Mod', 'Atan2'].flatMap((kernel) => [
    binary(kernel, f([4, 3]), f([3])),
    binary(kernel, f([2, 1, 3]), f([4, 1])),
    binary(kernel, f([]), f([5])),
  ]),
  ...['Add', 'Sub', 'Multiply', 'Maximum', 'Minimum', 'SquaredDifference'].map((kernel) =>
    binary(kernel, i([4, 3]), i([3])),
  ),
  ...['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual'].flatMap((kernel) => [
    binary(kernel, i([4, 3], -1, 1), i([3], -1, 1)),
    binary(kernel, f([5]), f([])),
  ]),
  ...['LogicalAnd', 'LogicalOr'].map((kernel) => binary(kernel, b([4, 3]), b([3]))),
  binary('RealDiv', f([4, 3]), f([3], 0.5, 2)),
  binary('FloorDiv', i([16], -9, 9), i([16], -4, 4)),
  binary('Mod', i([8], -9, 9), i([8], 1, 4)),
  binary('Pow', f([4, 3], 0.1, 3), f([3], -2, 2)),
  binary('Equal', b([6]), b([6])),
  { kernel: 'Prelu', names: ['x', 'alpha'], inputs: [f([4, 3]), f([3])], attributes: {} },
  { kernel: 'Select', names: ['condition', 't', 'e'], inputs: [b([4, 3]), f([4, 3]), f([4, 3])], attributes: {} },
  { kernel: 'Select', names: ['condition', 't', 'e'], inputs: [b([4]), i([4]), i([4])], attributes: {} },
  list('AddN', [f([4, 3]), f([4, 3]), f([4, 3])]),
  list('AddN', [i([4]), i([4]), i([4])]),
];

const REDUCE: readonly KernelSample[] = [
  ...['Sum', 'Mean', 'Prod'].flatMap((kernel) => [
    unary(kernel, f([4, 3, 2]), { axis: [0], keepDims: false }),
    unary(kernel, f([4, 1, 3]), { axis: [0, 1], keepDims: true }),
  ]),
  // tfjs's Max has its axes under a name of its own.
  unary('Max', f([4, 3, 2]), { axis: [1, 2], reductionIndices: [1, 2], keepDims: false }),
  unary('Min', f([4, 3, 2]), { axis: [1, 2], keepDims: false }),
  unary('Sum', i([4, 3]), { axis: [1], keepDims: false }),
  unary('Sum', f([5, 7]), { axis: [0], keepDims: false }),
  unary('Mean', f([5, 7]), { axis: [0, 1], keepDims: false }),
  ...['All', 'Any'].map((kernel) => unary(kernel, b([4, 3]), { axis: [1], keepDims: false })),
  ...['ArgMax', 'ArgMin'].map((kernel) => unary(kernel, f([4, 6]), { axis: 1 })),
  unary('Cumsum', f([4, 6]), { axis: 1, exclusive: false, reverse: false }),
  unary('Cumsum', f([4, 6]), { axis: 1, exclusive: true, reverse: true }),
  { kernel: 'Softmax', names: ['logits'], inputs: [f([4, 6])], attributes: { dim: 1 } },
];

const SHAPE: readonly KernelSample[] = [
  unary('BroadcastTo', f([4, 1]), { shape: [2, 4, 3] }),
  unary('Reshape', f([4, 6]), { shape: [3, 8] }),
  unary('Transpose', f([2, 3, 4]), { perm: [2, 0, 1] }),
  unary('Transpose', b([2, 3]), { perm: [1, 0] }),
  unary('Slice', f([5, 6]), { begin: [1, 2], size: [3, 4] }),
  unary('Slice', i([5]), { begin: [2], size: [2] }),
  unary('Reverse', f([3, 4]), { dims: [1] }),
  unary('Tile', f([2, 3]), { reps: [2, 3] }),
  unary('PadV2', f([2, 3]), {
    paddings: [
      [1, 0],
      [2, 1],
    ],
    constantValue: 0.5,
  }),
  ...['reflect', 'symmetric'].map((mode) =>
    unary('MirrorPad', f([3, 4]), {
      paddings: [
        [1, 2],
        [2, 1],
      ],
      mode,
    }),
  ),
  unary('SplitV', f([4, 6]), { numOrSizeSplits: [1, 2, 3], axis: 1 }),
  { kernel: 'Unpack', names: ['value'], inputs: [f([3, 4])], attributes: { axis: 0 } },
  list('Concat', [f([2, 3]), f([2, 1]), f([2, 4])], { axis: 1 }),
  list('Concat', [b([2]), b([3])], { axis: 0 }),
  list('Pack', [f([2, 3]), f([2, 3])], { axis: 1 }),
];

const OTHER: readonly KernelSample[] = [
  list('Fill', [], { shape: [2, 3], value: 0.25, dtype: 'float32' }),
  {
    kernel: 'GatherV2',
    names: ['x', 'indices'],
    inputs: [f([5, 3]), i([4], 0, 4)],
    attributes: { axis: 0, batchDims: 0 },
  },
  {
    kernel: 'GatherV2',
    names: ['x', 'indices'],
    inputs: [f([2, 5]), i([4], 0, 4)],
    attributes: { axis: 1, batchDims: 0 },
  },
  {
    kernel: 'UnsortedSegmentSum',
    names: ['x', 'segmentIds'],
    inputs: [f([5, 3]), i([5], -1, 5)],
    attributes: { numSegments: 4 },
  },
  {
    kernel: 'OneHot',
    names: ['indices'],
    inputs: [i([6], -1, 5)],
    attributes: { depth: 5, onValue: 2, offValue: -1, dtype: 'float32' },
  },
];

function product(
  a: readonly number[],
  right: readonly number[],
  transposeA: boolean,
  transposeB: boolean,
): KernelSample {
  return { kernel: 'BatchMatMul', names: ['a', 'b'], inputs: [f(a), f(right)], attributes: { transposeA, transposeB } };
}

function fused(activation: string, operands: readonly SampleTensor[], names: readonly string[]): KernelSample {
  const attributes = { transposeA: false, transposeB: true, activation, leakyreluAlpha: 0.3 };
  return { kernel: '_FusedMatMul', names: ['a', 'b', ...names], inputs: operands, attributes };
}

const PRODUCTS: readonly KernelSample[] = [
  product([1, 4, 3], [1, 3, 5], false, false),
  product([1, 3, 4], [1, 3, 5], true, false),
  product([1, 4, 3], [1, 5, 3], false, true),
  product([1, 3, 4], [1, 5, 3], true, true),
  product([2, 4, 3], [2, 3, 5], false, false),
  product([2, 4, 3], [1, 3, 5], false, false),
  ...['linear', 'relu', 'elu', 'relu6', 'sigmoid', 'leakyrelu'].map((activation) =>
    fused(activation, [f([1, 4, 3]), f([1, 5, 3]), f([5])], ['bias']),
  ),
  fused('linear', [f([2, 4, 3]), f([1, 5, 3])], []),
  fused('relu', [f([2, 4, 3]), f([2, 5, 3]), f([5])], ['bias']),
  fused('prelu', [f([1, 4, 3]), f([1, 5, 3]), f([5]), f([5])], ['bias', 'preluActivationWeights']),
];

export const KERNEL_SAMPLES: readonly KernelSample[] = [
  ...UNARY,
  ...BINARY,
  ...REDUCE,
  ...SHAPE,
  ...OTHER,
  ...PRODUCTS,
];
