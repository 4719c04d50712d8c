import type { Tensor } from '@tensorflow/tfjs-core';
import { binaryGradient, detached, unaryGradient } from '../gradients/gradient.js';
import type { LoweringContext, LoweringRule, Operand } from '../lower/context.js';
import {
  add,
  cast,
  exp,
  greater,
  lessEqual,
  minimum,
  mul,
  sigmoid,
  softmax,
  square,
  step,
  sub,
  sum,
  tanh,
  where,
} from '../tfjs.js';
import { axesOf, one, requireFloat } from '../trace/kernel-rule.js';
import type { KernelDefinition } from './definition.js';
import { composed, floatBinary, floatUnary, numberUnary } from './elementwise.js';
import { log1pSmall } from './functions.js';

/**
 * selu(x) = SCALE · (x > 0 ? x : ALPHA · (eˣ − 1)): Klambauer et al., Self-Normalizing Neural Networks (2017), §1; the
 * constants are tfjs's and ONNX's.
 */
const SELU_SCALE = 1.0507009873554805;
const SELU_SCALE_ALPHA = 1.7580993408473768;

/** 1 where x > 0, else `alpha`: a constant as far as derivatives go. */
const slope = (x: Tensor, alpha = 0) => detached(() => step(x, alpha));

/** exp(x) for x ≤ 0 and 1 above, where exp alone would overflow. */
const expBelowZero = (x: Tensor) => exp(minimum(x, 0));

function seluGradient(dy: Tensor, x: Tensor): Tensor {
  const positive = detached(() => greater(x, 0));
  return where(positive, mul(dy, SELU_SCALE), mul(dy, mul(expBelowZero(x), SELU_SCALE_ALPHA)));
}

function sigmoidGradient(dy: Tensor, x: Tensor): Tensor {
  const y = sigmoid(x);
  return mul(dy, mul(y, sub(1, y)));
}

function relu6Gradient(dy: Tensor, x: Tensor): Tensor {
  return mul(
    dy,
    detached(() => mul(step(x), cast(lessEqual(x, 6), 'float32'))),
  );
}

const relu6: LoweringRule = ({ inputs }, context) => {
  const { name, dtype } = inputs[0]!;
  return [context.emit('Clip', [name, context.scalar(0, dtype), context.scalar(6, dtype)])];
};

const leakyRelu: LoweringRule = ({ inputs, attributes }, context) => [
  context.emit('LeakyRelu', [inputs[0]!.name], { alpha: { float: Number(attributes.alpha ?? 0.2) } }),
];

const selu: LoweringRule = ({ inputs }, context) => [
  context.emit('Selu', [inputs[0]!.name], {
    alpha: { float: SELU_SCALE_ALPHA / SELU_SCALE },
    gamma: { float: SELU_SCALE },
  }),
];

/** log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|): never overflows, and keeps its digits where the result is small. */
function softplus(x: string, context: LoweringContext): string {
  const small = context.emit('Exp', [context.emit('Neg', [context.emit('Abs', [x])])]);
  return context.emit('Add', [context.emit('Relu', [x]), log1pSmall(small, context)]);
}

/** x < 0 ? alpha · x : x, with alpha broadcast to x or x to alpha. */
const prelu: LoweringRule = ({ inputs }, context) => {
  const [x, alpha] = inputs as [Operand, Operand];
  const negative = context.emit('Less', [x.name, context.float(0)]);
  return [context.emit('Where', [negative, context.emit('Mul', [alpha.name, x.name]), x.name])];
};

/** dx = dy · (x > 0 ? 1 : alpha), dalpha = dy · min(x, 0) */
const preluGradient = binaryGradient(
  (dy, x, alpha) => {
    const isBelow = () => detached(() => sub(1, step(x)));
    return [() => mul(dy, add(slope(x), mul(isBelow(), alpha))), () => mul(dy, minimum(x, 0))];
  },
  ['x', 'alpha'],
);

/** dx = y · (dy − Σ dy·y) */
function softmaxGradient(dy: Tensor, logits: Tensor, axis: number): Tensor {
  const y = softmax(logits, axis);
  const dyTimesY = mul(dy, y);
  return sub(dyTimesY, mul(sum(dyTimesY, axis, true), y));
}

/** tf.logSoftmax has no kernel of its own in any backend: it is captured as what it is made of. */
const softmaxKernel: KernelDefinition = {
  name: 'Softmax',
  trace: {
    inputs: ['logits'],
    infer(inputs, attributes) {
      requireFloat(inputs);
      const { shape } = inputs[0]!;
      return one(shape, 'float32', { dim: axesOf(attributes.dim ?? -1, shape)[0]! });
    },
  },
  lower: ({ inputs, attributes }, context) => {
    return [context.emit('Softmax', [inputs[0]!.name], { axis: Number(attributes.dim ?? -1) })];
  },
  gradient: {
    save: ['logits'],
    backward: (dy, [logits], { dim }) => ({ logits: () => softmaxGradient(dy, logits!, dim as number) }),
  },
};

/** Activations of layers. */
export const ACTIVATIONS: readonly KernelDefinition[] = [
  floatUnary('Elu', 'Elu', { gradient: unaryGradient((dy, x) => mul(dy, expBelowZero(x))) }),
  floatUnary('LeakyRelu', leakyRelu, {
    defaults: { alpha: 0.2 },
    gradient: unaryGradient((dy, x, { alpha }) => mul(dy, slope(x, alpha as number))),
  }),
  floatBinary('Prelu', prelu, { names: ['x', 'alpha'], gradient: preluGradient }),
  numberUnary('Relu', 'Relu', {
    compute: (x) => Math.max(x, 0),
    gradient: unaryGradient((dy, x) => mul(dy, slope(x))),
  }),
  numberUnary('Relu6', relu6, { gradient: unaryGradient(relu6Gradient) }),
  floatUnary('Selu', selu, { gradient: unaryGradient(seluGradient) }),
  floatUnary('Sigmoid', 'Sigmoid', {
    compute: (x) => 1 / (1 + Math.exp(-x)),
    gradient: unaryGradient(sigmoidGradient),
  }),
  softmaxKernel,
  floatUnary('Softplus', composed(softplus), { gradient: unaryGradient((dy, x) => mul(dy, sigmoid(x))) }),
  floatUnary('Tanh', 'Tanh', {
    compute: Math.tanh,
    gradient: unaryGradient((dy, x) => mul(dy, sub(1, square(tanh(x))))),
  }),
];
