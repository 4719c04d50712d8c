import type { ValueId } from '../graph/graph.js';
import { sameShape } from '../graph/shapes.js';
import type { Rewriter, Rule, RuleNode } from './rewriter.js';

/** Whether a value may stand where a tensor of `shape` stood: a broadcast that goes with what is left out must stay. */
function hasShape(id: ValueId, shape: readonly number[], rewriter: Rewriter): boolean {
  return sameShape(rewriter.info(id).shape, shape);
}

function negated(id: ValueId, rewriter: Rewriter): ValueId | undefined {
  return rewriter.producer(id, 'Neg')?.inputs[0];
}

const constantSecond: Rule = {
  name: 'a constant factor or summand stands second',
  ops: ['Add', 'Multiply'],
  apply: ({ op, inputs, attributes, outputs, origin }, rewriter) => {
    const [a, b] = inputs as [ValueId, ValueId];
    if (rewriter.uniform(a) === undefined || rewriter.uniform(b) !== undefined) return undefined;
    return rewriter.node(op, [b, a], attributes, outputs[0]!, origin);
  },
};

const doubleNegation: Rule = {
  name: '−(−x) is x; −(a − b) is b − a; −(x · c) is x · (−c)',
  ops: ['Neg'],
  apply: ({ inputs, outputs, origin }, rewriter) => {
    const inner = negated(inputs[0]!, rewriter);
    if (inner !== undefined) return inner;
    if (!rewriter.isUsedOnce(inputs[0]!)) return undefined;
    const difference = rewriter.producer(inputs[0]!, 'Sub');
    if (difference !== undefined) {
      return rewriter.node('Sub', [difference.inputs[1]!, difference.inputs[0]!], {}, outputs[0]!, origin);
    }
    const product = rewriter.producer(inputs[0]!, 'Multiply');
    const factor = product === undefined ? undefined : rewriter.uniform(product.inputs[1]!);
    if (factor === undefined || !hasShape(product!.inputs[0]!, outputs[0]!.shape, rewriter)) return undefined;
    const { dtype } = rewriter.info(product!.inputs[1]!);
    return rewriter.node('Multiply', [product!.inputs[0]!, rewriter.scalar(-factor, dtype)], {}, outputs[0]!, origin);
  },
};

const sumWithNegation: Rule = {
  name: 'a + (−b) is a − b',
  ops: ['Add'],
  apply: ({ inputs, outputs, origin }, rewriter) => {
    const [a, b] = inputs as [ValueId, ValueId];
    const right = negated(b, rewriter);
    if (right !== undefined) return rewriter.node('Sub', [a, right], {}, outputs[0]!, origin);
    const left = negated(a, rewriter);
    return left === undefined ? undefined : rewriter.node('Sub', [b, left], {}, outputs[0]!, origin);
  },
};

const differenceWithNegation: Rule = {
  name: 'a − (−b) is a + b; 0 − x is −x',
  ops: ['Sub'],
  apply: ({ inputs, outputs, origin }, rewriter) => {
    const [a, b] = inputs as [ValueId, ValueId];
    const right = negated(b, rewriter);
    if (right !== undefined) return rewriter.node('Add', [a, right], {}, outputs[0]!, origin);
    const isNegation = rewriter.uniform(a) === 0 && hasShape(b, outputs[0]!.shape, rewriter);
    return isNegation ? rewriter.node('Neg', [b], {}, outputs[0]!, origin) : undefined;
  },
};

const productOfNegation: Rule = {
  name: '(−x) · c is x · (−c); (−a) · (−b) is a · b; x · (−1) is −x',
  ops: ['Multiply'],
  apply: ({ inputs, outputs, origin }, rewriter) => {
    const [a, b] = inputs as [ValueId, ValueId];
    const [left, right] = [negated(a, rewriter), negated(b, rewriter)];
    if (left !== undefined && right !== undefined)
      return rewriter.node('Multiply', [left, right], {}, outputs[0]!, origin);
    const factor = rewriter.uniform(b);
    if (factor === undefined || !hasShape(a, outputs[0]!.shape, rewriter)) return undefined;
    if (factor === -1) return rewriter.node('Neg', [a], {}, outputs[0]!, origin);
    if (left === undefined) return undefined;
    return rewriter.node('Multiply', [left, rewriter.scalar(-factor, rewriter.info(b).dtype)], {}, outputs[0]!, origin);
  },
};

const productOfProduct: Rule = {
  name: '(x · c) · d is x · (c · d)',
  ops: ['Multiply'],
  apply: ({ inputs, outputs, origin }, rewriter) => {
    const outer = rewriter.uniform(inputs[1]!);
    const inner = rewriter.producer(inputs[0]!, 'Multiply');
    const factor = inner === undefined ? undefined : rewriter.uniform(inner.inputs[1]!);
    if (outer === undefined || factor === undefined || outputs[0]!.dtype !== 'float32') return undefined;
    if (!hasShape(inner!.inputs[0]!, outputs[0]!.shape, rewriter)) return undefined;
    const product = Math.fround(outer * factor);
    // A product that leaves the range of floats must be left to the order in which it was written.
    if (!Number.isFinite(product) || Math.abs(product) < 1e-30) return undefined;
    return rewriter.node('Multiply', [inner!.inputs[0]!, rewriter.scalar(product, 'float32')], {}, outputs[0]!, origin);
  },
};

const exactQuotient: Rule = {
  name: 'x / 2ⁿ is x · 2⁻ⁿ, to the bit',
  ops: ['RealDiv'],
  apply: ({ inputs, outputs, origin }, rewriter) => {
    const divisor = rewriter.uniform(inputs[1]!);
    if (divisor === undefined || rewriter.info(inputs[0]!).dtype !== 'float32' || !isPowerOfTwo(Math.abs(divisor))) {
      return undefined;
    }
    return rewriter.node(
      'Multiply',
      [inputs[0]!, rewriter.fill(1 / divisor, rewriter.info(inputs[1]!))],
      {},
      outputs[0]!,
      origin,
    );
  },
};

/** Far from the ends of the range, where the reciprocal would be subnormal. */
function isPowerOfTwo(value: number): boolean {
  const exponent = Math.log2(value);
  return Number.isInteger(exponent) && Math.abs(exponent) < 100;
}

const square: Rule = {
  name: 'x² is x · x',
  ops: ['Pow', 'SquaredDifference'],
  apply: ({ op, inputs, outputs, origin }: RuleNode, rewriter) => {
    const second = rewriter.uniform(inputs[1]!);
    const isSquare = op === 'Pow' ? second === 2 : second === 0;
    if (!isSquare || !hasShape(inputs[0]!, outputs[0]!.shape, rewriter)) return undefined;
    return rewriter.node('Square', [inputs[0]!], {}, outputs[0]!, origin);
  },
};

/** Rearrangements of sums and products that save a kernel. */
export const ALGEBRA_RULES: readonly Rule[] = [
  constantSecond,
  doubleNegation,
  sumWithNegation,
  differenceWithNegation,
  productOfNegation,
  productOfProduct,
  exactQuotient,
  square,
];
