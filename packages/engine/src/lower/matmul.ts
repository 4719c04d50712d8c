import {
  type LoweringContext,
  type LoweringNode,
  type LoweringRule,
  type LoweringTable,
  type Operand,
  unsupported,
} from './context.js';
import { UNARY } from './unary.js';

/** Kernels that tfjs names in `_FusedMatMul.activation`. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  relu: 'Relu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
};

/** The batched product of a [..., m, k] and b [..., k, n], after what the transposes say. */
function product(node: LoweringNode, context: LoweringContext): string {
  const [a, b] = node.inputs as [Operand, Operand];
  const left = node.attributes.transposeA === true ? swapInner(a, context) : a.name;
  const right = node.attributes.transposeB === true ? swapInner(b, context) : b.name;
  return context.emit('MatMul', [left, right]);
}

function swapInner({ name, shape }: Operand, context: LoweringContext): string {
  const perm = shape.map((_, axis) => axis);
  const rank = perm.length;
  return context.emit('Transpose', [name], { perm: [...perm.slice(0, -2), rank - 1, rank - 2] });
}

/** The bias and the slopes of a prelu are both optional; the activation says which a lone third input is. */
export function fusedOperands<T>(
  inputs: readonly T[],
  activation: unknown,
): { bias: T | undefined; slopes: T | undefined } {
  const rest = inputs.slice(2);
  const slopes = activation === 'prelu' ? rest.pop() : undefined;
  return { bias: rest[0], slopes };
}

const fusedMatMul: LoweringRule = (node, context) => {
  const activation = String(node.attributes.activation ?? 'linear');
  const { bias, slopes } = fusedOperands(node.inputs, activation);
  let result = product(node, context);
  if (bias !== undefined) result = context.emit('Add', [result, bias.name]);
  if (activation === 'linear') return [result];
  if (activation === 'prelu' && slopes !== undefined) return [context.emit('PRelu', [result, slopes.name])];
  const kernel = ACTIVATIONS[activation];
  if (kernel === undefined) unsupported(node, `with activation ${activation}`);
  const operand = { name: result, shape: node.outputs[0]!.shape, dtype: node.outputs[0]!.dtype };
  const attributes = { alpha: node.attributes.leakyreluAlpha ?? 0.2 };
  return UNARY[kernel]!({ ...node, kernel, inputs: [operand], attributes }, context);
};

/** Gantry's own kernel: alpha · op(a) · op(b) + c for matrices; the passes make every dense product one. */
const gemm: LoweringRule = ({ inputs, attributes }, context) => {
  const flags = {
    transA: attributes.transposeA === true ? 1 : 0,
    transB: attributes.transposeB === true ? 1 : 0,
    alpha: Number(attributes.alpha ?? 1),
  };
  return [
    context.emit(
      'Gemm',
      inputs.map(({ name }) => name),
      flags,
    ),
  ];
};

/** Matrix products. */
export const MATMUL: LoweringTable = {
  BatchMatMul: (node, context) => [product(node, context)],
  Gemm: gemm,
  _FusedMatMul: fusedMatMul,
};
export { ACTIVATIONS as FUSED_ACTIVATIONS };
