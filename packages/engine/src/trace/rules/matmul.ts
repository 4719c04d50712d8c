import type { Attribute } from '../../graph/graph.js';
import { type KernelAttributes, type KernelRule, one, requireFloat, UnsupportedKernel } from '../kernel-rule.js';
import { broadcastShape } from './binary.js';

/** [..., m, k] × [..., k, n] → [..., m, n], either side's last two axes swapped first if its flag says so. */
function productShape(a: readonly number[], b: readonly number[], transposeA: boolean, transposeB: boolean): number[] {
  const [m, innerA] = transposeA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const [innerB, n] = transposeB ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
  if (innerA !== innerB) throw new UnsupportedKernel(`the inner sizes of [${a}] and [${b}] differ`);
  return [...broadcastShape(a.slice(0, -2), b.slice(0, -2)), m, n];
}

function flags(attributes: KernelAttributes): { transposeA: boolean; transposeB: boolean } {
  return { transposeA: attributes.transposeA === true, transposeB: attributes.transposeB === true };
}

const batchMatMulRule: KernelRule = {
  kernel: 'BatchMatMul',
  inputs: ['a', 'b'],
  infer(inputs, attributes) {
    requireFloat(inputs);
    const { transposeA, transposeB } = flags(attributes);
    const shape = productShape(inputs[0]!.shape, inputs[1]!.shape, transposeA, transposeB);
    return one(shape, 'float32', { transposeA, transposeB });
  },
};

/** What tfjs-layers' Dense becomes outside of a gradient, or in one when its activation is linear. */
const fusedMatMulRule: KernelRule = {
  kernel: '_FusedMatMul',
  inputs: ['a', 'b', 'bias?', 'preluActivationWeights?'],
  infer(inputs, given) {
    requireFloat(inputs);
    const { transposeA, transposeB } = flags(given);
    const activation = (given.activation as string | undefined) ?? 'linear';
    if (activation === 'prelu')
      throw new UnsupportedKernel('a fused prelu cannot be captured: call tf.prelu by itself');
    const shape = productShape(inputs[0]!.shape, inputs[1]!.shape, transposeA, transposeB);
    const attributes: Record<string, Attribute> = { transposeA, transposeB, activation };
    if (activation === 'leakyrelu') attributes.leakyreluAlpha = (given.leakyreluAlpha as number | undefined) ?? 0.2;
    return one(shape, 'float32', attributes);
  },
};

export const MATMUL_RULES: readonly KernelRule[] = [batchMatMulRule, fusedMatMulRule];
