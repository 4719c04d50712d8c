import type { Tensor } from '@tensorflow/tfjs-core';
import { binaryGradient, detached, ZERO_BINARY } from '../gradients/gradient.js';
import type { LoweringRule, Operand } from '../lower/context.js';
import {
  cast,
  div,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  mul,
  neg,
  onesLike,
  pow,
  sub,
  where,
  zerosLike,
} from '../tfjs.js';
import { one, requireNumber } from '../trace/kernel-rule.js';
import type { KernelDefinition } from './definition.js';
import { floatBinary, integerBinary, numberBinary } from './elementwise.js';

const squaredDifference: LoweringRule = ({ inputs }, context) => {
  const difference = context.emit('Sub', [inputs[0]!.name, inputs[1]!.name]);
  return [context.emit('Mul', [difference, difference])];
};

/**
 * ⌊a / b⌋ of int32: the quotient that ONNX truncates, less one where the remainder has another sign than b. Dividing by 0
 * and the least int32 by −1 would end the process; tfjs gives 0, and −a wrapped around, for these.
 */
const floorDiv: LoweringRule = ({ inputs }, context) => {
  const [a, b] = inputs.map(({ name }) => name) as [string, string];
  const [zero, unit] = [context.int32(0), context.int32(1)];
  const isZero = context.emit('Equal', [b, zero]);
  const isMinusOne = context.emit('Equal', [b, context.int32(-1)]);
  const divisor = context.emit('Where', [context.emit('Or', [isZero, isMinusOne]), unit, b]);
  const quotient = context.emit('Div', [a, divisor]);
  const remainder = context.emit('Sub', [a, context.emit('Mul', [quotient, divisor])]);
  const signs = [remainder, divisor].map((name) => context.emit('Less', [name, zero]));
  const isInexact = context.emit('Not', [context.emit('Equal', [remainder, zero])]);
  const isAbove = context.emit('And', [isInexact, context.emit('Xor', signs)]);
  const floor = context.emit('Where', [isAbove, context.emit('Sub', [quotient, unit]), quotient]);
  const negated = context.emit('Where', [isMinusOne, context.emit('Sub', [zero, a]), floor]);
  return [context.emit('Where', [isZero, zero, negated])];
};

/** tfjs: the remainder takes the divisor's sign, unless both signs agree already: (rem + b) rem b. */
const mod: LoweringRule = ({ inputs }, context) => {
  const [a, b] = inputs as [Operand, Operand];
  const zero = context.scalar(0, a.dtype);
  const remainder = context.emit('Mod', [a.name, b.name], { fmod: 1 });
  const shifted = context.emit('Mod', [context.emit('Add', [remainder, b.name]), b.name], { fmod: 1 });
  const signs = [a.name, b.name].map((name) => context.emit('Less', [name, zero]));
  const agree = context.emit('Not', [context.emit('Xor', signs)]);
  return [context.emit('Where', [agree, remainder, shifted])];
};

/**
 * atan(y / x), moved by ±π where x is negative; x = 0 falls out of the division but for y = 0. Of two infinities the signs
 * say as much as the numbers. Zeros have no sign here: Math.atan2, and tfjs, turn by ±π at y = ±0.
 */
const atan2: LoweringRule = ({ inputs }, context) => {
  const zero = context.float(0);
  const given = inputs.map(({ name }) => name) as [string, string];
  const areInfinite = context.emit(
    'And',
    given.map((name) => context.emit('IsInf', [name])),
  );
  const [y, sided] = given.map((name) => context.emit('Where', [areInfinite, context.emit('Sign', [name]), name])) as [
    string,
    string,
  ];
  const x = context.emit('Where', [context.emit('Equal', [sided, zero]), zero, sided]);
  const atan = context.emit('Atan', [context.emit('Div', [y, x])]);
  const turn = context.emit('Where', [
    context.emit('Less', [y, zero]),
    context.float(-Math.PI),
    context.float(Math.PI),
  ]);
  const turned = context.emit('Where', [context.emit('Less', [x, zero]), context.emit('Add', [atan, turn]), atan]);
  const origin = context.emit('And', [context.emit('Equal', [y, zero]), context.emit('Equal', [x, zero])]);
  return [context.emit('Where', [origin, zero, turned])];
};

const mask = (condition: () => Tensor) => detached(() => cast(condition(), 'float32'));

/** At a tie the whole gradient goes to a, as in tfjs. */
const maximumGradient = binaryGradient((dy, a, b) => {
  const [isA, isB] = [() => mask(() => greaterEqual(a, b)), () => mask(() => less(a, b))];
  return [() => mul(dy, isA()), () => mul(dy, isB())];
});

const minimumGradient = binaryGradient((dy, a, b) => {
  const [isA, isB] = [() => mask(() => lessEqual(a, b)), () => mask(() => greater(a, b))];
  return [() => mul(dy, isA()), () => mul(dy, isB())];
});

/** d a^b / db = a^b · log a, and 0 where log a does not exist. */
function powExponentGradient(dy: Tensor, a: Tensor, b: Tensor): Tensor {
  const positive = detached(() => greater(a, 0));
  // The inner choice keeps log finite, so that the branch that is not taken makes no NaN · 0 either.
  const logA = where(positive, log(where(positive, a, onesLike(a))), zerosLike(a));
  return mul(dy, mul(pow(a, b), logA));
}

const powGradient = binaryGradient((dy, a, b) => [
  () => mul(dy, mul(b, pow(a, sub(b, 1)))),
  () => powExponentGradient(dy, a, b),
]);

const realDivGradient = binaryGradient((dy, a, b) => [() => div(dy, b), () => neg(div(mul(dy, div(a, b)), b))]);

/** tfjs forgets to sum over broadcast axes here. */
const squaredDifferenceGradient = binaryGradient((dy, a, b) => [
  () => mul(dy, mul(sub(a, b), 2)),
  () => mul(dy, mul(sub(b, a), 2)),
]);

const addN: KernelDefinition = {
  name: 'AddN',
  trace: {
    inputs: 'list',
    infer(inputs) {
      requireNumber(inputs);
      return one(inputs[0]!.shape, inputs[0]!.dtype);
    },
  },
  lower: ({ inputs }, context) => {
    const names = inputs.map(({ name }) => name);
    if (inputs[0]!.dtype === 'float32') return [context.emit('Sum', names)];
    return [names.reduce((sum, name) => context.emit('Add', [sum, name]))];
  },
};

/** Arithmetic of two numbers. */
export const ARITHMETIC: readonly KernelDefinition[] = [
  numberBinary('Add', 'Add', { compute: (a, b) => a + b, commutative: true }),
  addN,
  floatBinary('Atan2', atan2),
  integerBinary('FloorDiv', floorDiv, { gradient: ZERO_BINARY, instead: 'use tf.floor(tf.div(a, b))' }),
  numberBinary('Maximum', 'Max', { compute: Math.max, gradient: maximumGradient, commutative: true }),
  numberBinary('Minimum', 'Min', { compute: Math.min, gradient: minimumGradient, commutative: true }),
  numberBinary('Mod', mod),
  numberBinary('Multiply', 'Mul', { compute: (a, b) => a * b, commutative: true }),
  numberBinary('Pow', 'Pow', { compute: (a, b) => a ** b, gradient: powGradient }),
  floatBinary('RealDiv', 'Div', { compute: (a, b) => a / b, gradient: realDivGradient }),
  numberBinary('SquaredDifference', squaredDifference, {
    compute: (a, b) => (a - b) ** 2,
    gradient: squaredDifferenceGradient,
    commutative: true,
  }),
  numberBinary('Sub', 'Sub', { compute: (a, b) => a - b }),
];
