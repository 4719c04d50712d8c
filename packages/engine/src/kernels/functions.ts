import { unaryGradient, ZERO_UNARY } from '../gradients/gradient.js';
import type { LoweringContext } from '../lower/context.js';
import { exp, mul } from '../tfjs.js';
import type { KernelDefinition } from './definition.js';
import { composed, floatUnary } from './elementwise.js';

/** Below this |x| log(1 + x) loses digits in 1 + x, and 2·artanh(x / (x + 2)), the same number, does not. */
const LOG1P_SMALL = 0.5;

/** eˣ − 1 = tanh(x/2) · (eˣ + 1), which keeps its digits near zero. */
function expm1(x: string, context: LoweringContext): string {
  const half = context.emit('Tanh', [context.emit('Mul', [x, context.float(0.5)])]);
  const sum = context.emit('Add', [context.emit('Exp', [x]), context.float(1)]);
  return context.emit('Mul', [half, sum]);
}

/** log(1 + x) for small x. */
export function log1pSmall(x: string, context: LoweringContext): string {
  const ratio = context.emit('Div', [x, context.emit('Add', [x, context.float(2)])]);
  return context.emit('Mul', [context.emit('Atanh', [ratio]), context.float(2)]);
}

function log1p(x: string, context: LoweringContext): string {
  const small = context.emit('Less', [context.emit('Abs', [x]), context.float(LOG1P_SMALL)]);
  const plain = context.emit('Log', [context.emit('Add', [x, context.float(1)])]);
  return context.emit('Where', [small, log1pSmall(x, context), plain]);
}

/** Functions of one real number: exponentials, logarithms, angles, rounding. */
export const FUNCTIONS: readonly KernelDefinition[] = [
  floatUnary('Acos', 'Acos'),
  floatUnary('Acosh', 'Acosh'),
  floatUnary('Asin', 'Asin'),
  floatUnary('Asinh', 'Asinh'),
  floatUnary('Atan', 'Atan'),
  floatUnary('Atanh', 'Atanh'),
  floatUnary('Ceil', 'Ceil', { compute: Math.ceil, gradient: ZERO_UNARY }),
  floatUnary('Cos', 'Cos'),
  floatUnary('Cosh', 'Cosh'),
  floatUnary('Erf', 'Erf'),
  floatUnary('Exp', 'Exp', { compute: Math.exp, gradient: unaryGradient((dy, x) => mul(dy, exp(x))) }),
  floatUnary('Expm1', composed(expm1), { compute: Math.expm1 }),
  floatUnary('Floor', 'Floor', { compute: Math.floor, gradient: ZERO_UNARY }),
  floatUnary('Log', 'Log', { compute: Math.log }),
  floatUnary('Log1p', composed(log1p), { compute: Math.log1p }),
  floatUnary('Round', 'Round', { gradient: ZERO_UNARY }),
  floatUnary('Sin', 'Sin'),
  floatUnary('Sinh', 'Sinh'),
  floatUnary('Tan', 'Tan'),
];
