import { matMul, type Tensor } from '@tensorflow/tfjs-core';
import type { Gradient } from './gradient.js';
import { sumTo } from './gradient.js';

/** d(a·b) = dy·bᵀ and aᵀ·dy, with each operand's transposition moved to where its gradient wants it. */
function productGradients(dy: Tensor, a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean) {
  return {
    a: () => (transposeA ? matMul(b, dy, transposeB, true) : matMul(dy, b, false, !transposeB)),
    b: () => (transposeB ? matMul(dy, a, true, transposeA) : matMul(a, dy, !transposeA, false)),
  };
}

export const PRODUCT_GRADIENTS: readonly Gradient[] = [
  {
    // tfjs's own does not sum over batch axes along which one side was repeated.
    kernel: 'BatchMatMul',
    save: ['a', 'b'],
    backward(dy, [a, b], { transposeA, transposeB }) {
      const gradients = productGradients(dy, a!, b!, transposeA as boolean, transposeB as boolean);
      return { a: () => sumTo(gradients.a(), a!.shape), b: () => sumTo(gradients.b(), b!.shape) };
    },
  },
];
