import type { Tensor } from '@tensorflow/tfjs-core';
import { detached, unaryGradient, ZERO_UNARY } from '../gradients/gradient.js';
import type { LoweringRule } from '../lower/context.js';
import { cast, greaterEqual, lessEqual, logicalAnd, mul, rsqrt, square, step } from '../tfjs.js';
import type { KernelDefinition } from './definition.js';
import { composed, floatUnary, numberUnary } from './elementwise.js';

const clipByValue: LoweringRule = ({ inputs, attributes }, context) => {
  const { name, dtype } = inputs[0]!;
  const low = context.scalar(Number(attributes.clipValueMin), dtype);
  return [context.emit('Clip', [name, low, context.scalar(Number(attributes.clipValueMax), dtype)])];
};

const clipGradient = unaryGradient((dy, x, { clipValueMin, clipValueMax }) => {
  const isWithin = detached(() =>
    cast(logicalAnd(greaterEqual(x, clipValueMin as number), lessEqual(x, clipValueMax as number)), 'float32'),
  );
  return mul(dy, isWithin);
});

/**
 * x > 0 → 1, otherwise alpha. Of NaN too, for which tfjs gives NaN: the gradient of a relu is 0 there and not NaN, while
 * the relu itself is NaN, so that a loss that depends on it still is not finite. The passes mark an x that is the result
 * of a Relu (`nonNegative`): its truth value is then the answer. Measured on [128, 256] with the product that follows:
 * 24 µs, against 32 µs by comparing and 52 µs by Sign.
 */
const stepLowering: LoweringRule = ({ inputs, attributes, outputs }, context) => {
  const { name, dtype } = inputs[0]!;
  const result = outputs[0]!.dtype;
  const alpha = Number(attributes.alpha ?? 0);
  const isPositive =
    attributes.nonNegative === true
      ? context.cast(name, dtype, 'bool')
      : context.emit('Greater', [name, context.scalar(0, dtype)]);
  if (alpha === 0) return [context.cast(isPositive, 'bool', result)];
  return [context.emit('Where', [isPositive, context.scalar(1, result), context.scalar(alpha, result)])];
};

/** d rsqrt(x) = −½ x^(−3/2): two products where tfjs takes a power. */
function rsqrtGradient(dy: Tensor, x: Tensor): Tensor {
  const y = rsqrt(x);
  return mul(dy, mul(mul(y, square(y)), -0.5));
}

/** Arithmetic of one number. */
export const UNARY: readonly KernelDefinition[] = [
  numberUnary('Abs', 'Abs', {
    compute: Math.abs,
    gradient: unaryGradient((dy, x) =>
      mul(
        dy,
        detached(() => step(x, -1)),
      ),
    ),
  }),
  floatUnary('ClipByValue', clipByValue, {
    defaults: { clipValueMin: -Infinity, clipValueMax: Infinity },
    gradient: clipGradient,
  }),
  numberUnary('Neg', 'Neg', { compute: (x) => -x }),
  floatUnary('Reciprocal', 'Reciprocal', { compute: (x) => 1 / x }),
  floatUnary(
    'Rsqrt',
    composed((x, context) => context.emit('Reciprocal', [context.emit('Sqrt', [x])])),
    { compute: (x) => 1 / Math.sqrt(x), gradient: unaryGradient(rsqrtGradient) },
  ),
  numberUnary('Sign', 'Sign', { compute: Math.sign, gradient: ZERO_UNARY }),
  floatUnary('Sqrt', 'Sqrt', { compute: Math.sqrt }),
  numberUnary(
    'Square',
    composed((x, context) => context.emit('Mul', [x, x])),
    { compute: (x) => x * x },
  ),
  floatUnary('Step', stepLowering, { defaults: { alpha: 0 }, gradient: ZERO_UNARY }),
];
