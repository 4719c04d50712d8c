import { detached, ZERO_BINARY, ZERO_UNARY, zeroGradient } from '../gradients/gradient.js';
import type { LoweringRule, Operand } from '../lower/context.js';
import { cast, logicalNot, mul, util } from '../tfjs.js';
import { one, UnsupportedKernel } from '../trace/kernel-rule.js';
import { unaryCheck } from './checks.js';
import type { KernelDefinition } from './definition.js';
import { comparisonBinary, composed, operator, testUnary } from './elementwise.js';

/** ONNX compares equal dtypes only; tfjs has made them equal before, but for bools, which it compares as numbers. */
function comparing(op: string): LoweringRule {
  return ({ inputs }, context) => {
    const names = inputs.map(({ name, dtype }) => context.cast(name, dtype, dtype === 'bool' ? 'int32' : dtype));
    return [context.emit(op, names)];
  };
}

const notEqual: LoweringRule = (node, context) => [context.emit('Not', comparing('Equal')(node, context))];

function logical(op: string): LoweringRule {
  return ({ inputs }, context) => [
    context.emit(
      op,
      inputs.map(({ name, dtype }) => context.cast(name, dtype, 'bool')),
    ),
  ];
}

function comparison(name: string, lower: LoweringRule, compute: (a: number, b: number) => boolean): KernelDefinition {
  return comparisonBinary(name, lower, { compute: (a, b) => Number(compute(a, b)), gradient: ZERO_BINARY });
}

const logicalNotKernel: KernelDefinition = {
  name: 'LogicalNot',
  trace: { inputs: ['x'], infer: ([x]) => one(x!.shape, 'bool') },
  lower: operator('Not'),
  gradient: ZERO_UNARY,
  check: unaryCheck,
  facts: { elementwise: 'unary', compute: (x) => Number(x === 0) },
};

/** tf.where broadcasts its three operands before it runs the kernel, so here they have one shape. */
const select: KernelDefinition = {
  name: 'Select',
  trace: {
    inputs: ['condition', 't', 'e'],
    infer([condition, t, e]) {
      if (!util.arraysEqual([...condition!.shape], [...t!.shape]) || !util.arraysEqual([...t!.shape], [...e!.shape])) {
        throw new UnsupportedKernel('its operands must have one shape: use tf.where');
      }
      if (t!.dtype !== e!.dtype) throw new UnsupportedKernel(`its branches are ${t!.dtype} and ${e!.dtype}`);
      return one(t!.shape, t!.dtype);
    },
  },
  lower: ({ inputs, outputs }, context) => {
    const [condition, t, e] = inputs as [Operand, Operand, Operand];
    const chosen = context.cast(condition.name, condition.dtype, 'bool');
    const dtype = outputs[0]!.dtype;
    // ONNX Runtime's Where knows no bools.
    const inner = dtype === 'bool' ? 'int32' : dtype;
    const branches = [t, e].map((input) => context.cast(input.name, input.dtype, inner));
    return [context.cast(context.emit('Where', [chosen, ...branches]), inner, dtype)];
  },
  gradient: {
    save: ['condition'],
    backward: (dy, [condition]) => {
      const isT = () => detached(() => cast(condition!, 'float32'));
      const isE = () => detached(() => cast(logicalNot(condition!), 'float32'));
      return { condition: () => zeroGradient(condition!), t: () => mul(dy, isT()), e: () => mul(dy, isE()) };
    },
  },
};

/** Comparisons, tests, logic, and the choice by a condition. */
export const LOGIC: readonly KernelDefinition[] = [
  comparison('Equal', comparing('Equal'), (a, b) => a === b),
  comparison('Greater', comparing('Greater'), (a, b) => a > b),
  comparison('GreaterEqual', comparing('GreaterOrEqual'), (a, b) => a >= b),
  testUnary(
    'IsFinite',
    composed((x, context) => {
      const bad = context.emit('Or', [context.emit('IsNaN', [x]), context.emit('IsInf', [x])]);
      return context.emit('Not', [bad]);
    }),
    { gradient: ZERO_UNARY },
  ),
  testUnary('IsInf', 'IsInf', { gradient: ZERO_UNARY }),
  testUnary('IsNan', 'IsNaN', { gradient: ZERO_UNARY }),
  comparison('Less', comparing('Less'), (a, b) => a < b),
  comparison('LessEqual', comparing('LessOrEqual'), (a, b) => a <= b),
  comparison('LogicalAnd', logical('And'), (a, b) => a !== 0 && b !== 0),
  logicalNotKernel,
  comparison('LogicalOr', logical('Or'), (a, b) => a !== 0 || b !== 0),
  comparison('NotEqual', notEqual, (a, b) => a !== b),
  select,
];
