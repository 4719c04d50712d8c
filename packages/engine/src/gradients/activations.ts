import {
  add,
  cast,
  exp,
  greater,
  greaterEqual,
  lessEqual,
  logicalAnd,
  minimum,
  mul,
  type NamedAttrMap,
  sigmoid,
  square,
  step,
  sub,
  type Tensor,
  tanh,
  where,
} from '@tensorflow/tfjs-core';
import { binary, detached, type Gradient, unary } from './gradient.js';

/** Klambauer et al., Self-Normalizing Neural Networks (2017), §1; the constants are tfjs's own. */
const SELU_SCALE = 1.0507009873554805;
const SELU_SCALE_ALPHA = 1.7580993408473768;

/** 1 where x > 0, else `alpha`: a constant as far as derivatives go. */
const slope = (x: Tensor, alpha = 0) => detached(() => step(x, alpha));

/** exp(x) for x ≤ 0 and 1 above, where exp alone would overflow. */
const expBelowZero = (x: Tensor) => exp(minimum(x, 0));

const within = (x: Tensor, low: number, high: number) =>
  detached(() => cast(logicalAnd(greaterEqual(x, low), lessEqual(x, high)), 'float32'));

/** Numbers out of a kernel's attributes. */
const number = (attributes: NamedAttrMap, name: string) => attributes[name] as number;

function seluGradient(dy: Tensor, x: Tensor): Tensor {
  const positive = detached(() => greater(x, 0));
  return where(positive, mul(dy, SELU_SCALE), mul(dy, mul(expBelowZero(x), SELU_SCALE_ALPHA)));
}

function sigmoidGradient(dy: Tensor, x: Tensor): Tensor {
  const y = sigmoid(x);
  return mul(dy, mul(y, sub(1, y)));
}

export const ACTIVATION_GRADIENTS: readonly Gradient[] = [
  unary('Relu', (dy, x) => mul(dy, slope(x))),
  unary('Relu6', (dy, x) =>
    mul(
      dy,
      detached(() => mul(step(x), cast(lessEqual(x, 6), 'float32'))),
    ),
  ),
  unary('LeakyRelu', (dy, x, attributes) => mul(dy, slope(x, number(attributes, 'alpha')))),
  unary('ClipByValue', (dy, x, a) => mul(dy, within(x, number(a, 'clipValueMin'), number(a, 'clipValueMax')))),
  unary('Elu', (dy, x) => mul(dy, expBelowZero(x))),
  unary('Selu', seluGradient),
  unary('Sigmoid', sigmoidGradient),
  unary('Softplus', (dy, x) => mul(dy, sigmoid(x))),
  unary('Tanh', (dy, x) => mul(dy, sub(1, square(tanh(x))))),
  // dx = dy · (x > 0 ? 1 : alpha), dalpha = dy · min(x, 0)
  binary('Prelu', ['x', 'alpha'], (dy, x, alpha) => [
    () =>
      mul(
        dy,
        add(
          slope(x),
          mul(
            detached(() => sub(1, step(x))),
            alpha,
          ),
        ),
      ),
    () => mul(dy, minimum(x, 0)),
  ]),
];
