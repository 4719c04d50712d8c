import {
  cast,
  div,
  exp,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  mul,
  neg,
  onesLike,
  pow,
  rsqrt,
  square,
  step,
  sub,
  type Tensor,
  where,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { binary, detached, type Gradient, unary } from './gradient.js';

const mask = (condition: () => Tensor) => detached(() => cast(condition(), 'float32'));

/** d rsqrt(x) = −½ x^(−3/2): two products where tfjs takes a power. */
function rsqrtGradient(dy: Tensor, x: Tensor): Tensor {
  const y = rsqrt(x);
  return mul(dy, mul(mul(y, square(y)), -0.5));
}

/** d a^b / db = a^b · log a, and 0 where log a does not exist. */
function powExponentGradient(dy: Tensor, a: Tensor, b: Tensor): Tensor {
  const positive = detached(() => greater(a, 0));
  // The inner choice keeps log finite, so that the branch that is not taken makes no NaN · 0 either.
  const logA = where(positive, log(where(positive, a, onesLike(a))), zerosLike(a));
  return mul(dy, mul(pow(a, b), logA));
}

export const ELEMENTWISE_GRADIENTS: readonly Gradient[] = [
  unary('Abs', (dy, x) =>
    mul(
      dy,
      detached(() => step(x, -1)),
    ),
  ),
  unary('Exp', (dy, x) => mul(dy, exp(x))),
  unary('Rsqrt', rsqrtGradient),
  // At a tie the whole gradient goes to a, as in tfjs.
  binary('Maximum', ['a', 'b'], (dy, a, b) => [
    () =>
      mul(
        dy,
        mask(() => greaterEqual(a, b)),
      ),
    () =>
      mul(
        dy,
        mask(() => less(a, b)),
      ),
  ]),
  binary('Minimum', ['a', 'b'], (dy, a, b) => [
    () =>
      mul(
        dy,
        mask(() => lessEqual(a, b)),
      ),
    () =>
      mul(
        dy,
        mask(() => greater(a, b)),
      ),
  ]),
  // tfjs forgets to sum over broadcast axes here.
  binary('SquaredDifference', ['a', 'b'], (dy, a, b) => [
    () => mul(dy, mul(sub(a, b), 2)),
    () => mul(dy, mul(sub(b, a), 2)),
  ]),
  binary('RealDiv', ['a', 'b'], (dy, a, b) => [() => div(dy, b), () => neg(div(mul(dy, div(a, b)), b))]),
  binary('Pow', ['a', 'b'], (dy, a, b) => [
    () => mul(dy, mul(b, pow(a, sub(b, 1)))),
    () => powExponentGradient(dy, a, b),
  ]),
];
