import type { GraphNode, ValueInfo } from './graph.js';
import { broadcastShapes, normalizeAxes, reducedShape, sameShape, sizeOf } from './shapes.js';

/** Says what is wrong with a node's operands and results, or nothing. */
export type KernelCheck = (
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
  attributes: GraphNode['attributes'],
) => string | undefined;

function expectShape(actual: ValueInfo, expected: readonly number[] | undefined): string | undefined {
  if (expected === undefined) return 'the shapes of its operands do not fit together';
  return sameShape(actual.shape, expected)
    ? undefined
    : `its result has shape [${actual.shape}], [${expected}] was expected`;
}

function arity(inputs: readonly ValueInfo[], least: number, most = least): string | undefined {
  if (inputs.length >= least && inputs.length <= most) return undefined;
  return `it has ${inputs.length} operands, ${least === most ? least : `${least} to ${most}`} were expected`;
}

const unary: KernelCheck = (inputs, outputs) => arity(inputs, 1) ?? expectShape(outputs[0]!, inputs[0]!.shape);

const binary: KernelCheck = (inputs, outputs) =>
  arity(inputs, 2) ?? expectShape(outputs[0]!, broadcastShapes(inputs[0]!.shape, inputs[1]!.shape));

const reshape: KernelCheck = (inputs, outputs) => {
  const wrong = arity(inputs, 1);
  if (wrong !== undefined) return wrong;
  const [from, to] = [inputs[0]!.shape, outputs[0]!.shape];
  return sizeOf(from) === sizeOf(to) ? undefined : `[${from}] cannot be viewed as [${to}]`;
};

const reduction: KernelCheck = (inputs, outputs, { axis, keepDims }) => {
  const wrong = arity(inputs, 1);
  if (wrong !== undefined) return wrong;
  const axes = normalizeAxes(axis, inputs[0]!.shape.length);
  return expectShape(outputs[0]!, reducedShape(inputs[0]!.shape, axes, keepDims === true));
};

const transpose: KernelCheck = (inputs, outputs, { perm }) => {
  const wrong = arity(inputs, 1);
  if (wrong !== undefined || !Array.isArray(perm)) return wrong;
  const { shape } = inputs[0]!;
  const isPermutation = perm.length === shape.length && new Set(perm).size === perm.length;
  if (!isPermutation) return `perm [${perm}] is no permutation of ${shape.length} axes`;
  return expectShape(
    outputs[0]!,
    (perm as number[]).map((axis) => shape[axis]!),
  );
};

const product: KernelCheck = (inputs, outputs, { transposeA, transposeB }) => {
  const wrong = arity(inputs, 2, 4);
  if (wrong !== undefined) return wrong;
  const [a, b] = inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
  if (a.length < 2 || b.length < 2) return `it multiplies [${a}] by [${b}]`;
  const [m, k] = transposeA === true ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const [inner, n] = transposeB === true ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
  if (k !== inner) return `its inner sizes are ${k} and ${inner}`;
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2));
  return expectShape(outputs[0]!, batch && [...batch, m, n]);
};

const gemm: KernelCheck = (inputs, outputs, attributes) => {
  if (inputs.some(({ shape, dtype }, index) => dtype !== 'float32' || (index < 2 && shape.length !== 2))) {
    return 'it multiplies matrices of floats only';
  }
  return arity(inputs, 2, 3) ?? product(inputs.slice(0, 2), outputs, attributes);
};

const columnSum: KernelCheck = (inputs, outputs) =>
  arity(inputs, 1) ?? expectShape(outputs[0]!, inputs[0]!.shape.slice(1));

function all(check: KernelCheck, ops: readonly string[]): [string, KernelCheck][] {
  return ops.map((op) => [op, check]);
}

/** Kernels whose operands are checked, beyond what is true of all. A kernel without an entry is taken as the trace has it. */
export const KERNEL_CHECKS: Readonly<Record<string, KernelCheck>> = Object.fromEntries([
  ...all(unary, [
    'Abs',
    'Cast',
    'Elu',
    'Exp',
    'Identity',
    'LeakyRelu',
    'Log',
    'LogicalNot',
    'Neg',
    'Reciprocal',
    'Relu',
  ]),
  ...all(unary, ['Rsqrt', 'Sigmoid', 'Sign', 'Softplus', 'Sqrt', 'Square', 'Step', 'Tanh']),
  ...all(binary, [
    'Add',
    'Equal',
    'Greater',
    'GreaterEqual',
    'Less',
    'LessEqual',
    'LogicalAnd',
    'LogicalOr',
    'Maximum',
  ]),
  ...all(binary, ['Minimum', 'Multiply', 'NotEqual', 'Pow', 'RealDiv', 'SquaredDifference', 'Sub']),
  ...all(reshape, ['Reshape', 'ExpandDims']),
  ...all(reduction, ['All', 'Any', 'Max', 'Mean', 'Min', 'Prod', 'Sum']),
  ...all(transpose, ['Transpose']),
  ...all(product, ['BatchMatMul', '_FusedMatMul']),
  ...all(gemm, ['Gemm']),
  ...all(columnSum, ['ColumnSum']),
]);
