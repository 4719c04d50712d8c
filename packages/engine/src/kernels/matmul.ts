import { type GradientRule, sumTo } from '../gradients/gradient.js';
import type { Attribute } from '../graph/graph.js';
import { broadcastShapes } from '../graph/shapes.js';
import {
  type LoweringContext,
  type LoweringNode,
  type LoweringRule,
  type Operand,
  unsupported,
} from '../lower/context.js';
import { FUSED_ACTIVATIONS, fusedOperands } from '../lower/matmul.js';
import { matMul } from '../tfjs.js';
import { broadcastShape, type KernelAttributes, one, requireFloat, UnsupportedKernel } from '../trace/kernel-rule.js';
import { ACTIVATIONS } from './activations.js';
import { arity, expectShape } from './checks.js';
import type { KernelCheck, KernelDefinition } from './definition.js';

// a [..., m, k] · b [..., k, n] → [..., m, n], either side's last two axes swapped first if its flag says so.

type Shape = readonly number[];
interface Flags {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

function flagsOf({ transposeA, transposeB }: KernelAttributes): Flags {
  return { transposeA: transposeA === true, transposeB: transposeB === true };
}

function innerSizes(a: Shape, b: Shape, { transposeA, transposeB }: Flags) {
  const [m, innerA] = transposeA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const [innerB, n] = transposeB ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
  return { m, innerA, innerB, n };
}

function productShape(a: Shape, b: Shape, flags: Flags): number[] {
  const { m, innerA, innerB, n } = innerSizes(a, b, flags);
  if (innerA !== innerB) throw new UnsupportedKernel(`the inner sizes of [${a}] and [${b}] differ`);
  return [...broadcastShape(a.slice(0, -2), b.slice(0, -2)), m, n];
}

const productCheck: KernelCheck = (inputs, outputs, attributes) => {
  const wrong = arity(inputs, 2, 4);
  if (wrong !== undefined) return wrong;
  const [a, b] = inputs.map(({ shape }) => shape) as [Shape, Shape];
  if (a.length < 2 || b.length < 2) return `it multiplies [${a}] by [${b}]`;
  const { m, innerA, innerB, n } = innerSizes(a, b, flagsOf(attributes));
  if (innerA !== innerB) return `its inner sizes are ${innerA} and ${innerB}`;
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2));
  return expectShape(outputs[0]!, batch && [...batch, m, n]);
};

function emitProduct(node: LoweringNode, context: LoweringContext): string {
  const [a, b] = node.inputs as [Operand, Operand];
  const { transposeA, transposeB } = flagsOf(node.attributes);
  const left = transposeA ? swapInner(a, context) : a.name;
  const right = transposeB ? swapInner(b, context) : b.name;
  return context.emit('MatMul', [left, right]);
}

function swapInner({ name, shape }: Operand, context: LoweringContext): string {
  const perm = shape.map((_, axis) => axis);
  const rank = perm.length;
  return context.emit('Transpose', [name], { perm: [...perm.slice(0, -2), rank - 1, rank - 2] });
}

/** tfjs's own, summed over the batches along which either side was broadcast, which tfjs forgets. */
const productGradient: GradientRule = {
  save: ['a', 'b'],
  backward(dy, [a, b], attributes) {
    const { transposeA, transposeB } = flagsOf(attributes);
    const gradientA = () => (transposeA ? matMul(b!, dy, transposeB, true) : matMul(dy, b!, false, !transposeB));
    const gradientB = () => (transposeB ? matMul(dy, a!, true, transposeA) : matMul(a!, dy, !transposeA, false));
    return { a: () => sumTo(gradientA(), a!.shape), b: () => sumTo(gradientB(), b!.shape) };
  },
};

const batchMatMul: KernelDefinition = {
  name: 'BatchMatMul',
  trace: {
    inputs: ['a', 'b'],
    infer(inputs, attributes) {
      requireFloat(inputs);
      const flags = flagsOf(attributes);
      return one(productShape(inputs[0]!.shape, inputs[1]!.shape, flags), 'float32', { ...flags });
    },
  },
  lower: (node, context) => [emitProduct(node, context)],
  gradient: productGradient,
  check: productCheck,
};

const lowerFused: LoweringRule = (node, context) => {
  const activation = String(node.attributes.activation ?? 'linear');
  const { bias } = fusedOperands(node.inputs, activation);
  let result = emitProduct(node, context);
  if (bias !== undefined) result = context.emit('Add', [result, bias.name]);
  if (activation === 'linear') return [result];
  const kernel = FUSED_ACTIVATIONS[activation];
  const rule = ACTIVATIONS.find(({ name }) => name === kernel)?.lower;
  if (kernel === undefined || rule === undefined) unsupported(node, `with activation ${activation}`);
  const operand = { name: result, shape: node.outputs[0]!.shape, dtype: node.outputs[0]!.dtype };
  const attributes = { alpha: node.attributes.leakyreluAlpha ?? 0.2 };
  return rule({ ...node, kernel, inputs: [operand], attributes }, context);
};

/** What tfjs-layers' Dense becomes outside of a gradient, or in one when its activation is linear. */
const fusedMatMul: KernelDefinition = {
  name: '_FusedMatMul',
  trace: {
    inputs: ['a', 'b', 'bias?', 'preluActivationWeights?'],
    infer(inputs, given) {
      requireFloat(inputs);
      const flags = flagsOf(given);
      const activation = (given.activation as string | undefined) ?? 'linear';
      if (activation === 'prelu')
        throw new UnsupportedKernel('a fused prelu cannot be captured: call tf.prelu by itself');
      const shape = productShape(inputs[0]!.shape, inputs[1]!.shape, flags);
      const attributes: Record<string, Attribute> = { ...flags, activation };
      if (activation === 'leakyrelu') attributes.leakyreluAlpha = (given.leakyreluAlpha as number | undefined) ?? 0.2;
      return one(shape, 'float32', attributes);
    },
  },
  lower: lowerFused,
  check: productCheck,
};

/** Gantry's own kernel: alpha · op(a) · op(b) + c for matrices; the passes make every dense product one. */
const gemm: KernelDefinition = {
  name: 'Gemm',
  lower: ({ inputs, attributes }, context) => {
    const { transposeA, transposeB } = flagsOf(attributes);
    const names = inputs.map(({ name }) => name);
    const alpha = { float: Number(attributes.alpha ?? 1) };
    return [context.emit('Gemm', names, { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0, alpha })];
  },
  check: (inputs, outputs, attributes) => {
    if (inputs.some(({ shape, dtype }, index) => dtype !== 'float32' || (index < 2 && shape.length !== 2))) {
      return 'it multiplies matrices of floats only';
    }
    return arity(inputs, 2, 3) ?? productCheck(inputs.slice(0, 2), outputs, attributes);
  },
};

/** Matrix products. */
export const MATMUL: readonly KernelDefinition[] = [batchMatMul, fusedMatMul, gemm];
