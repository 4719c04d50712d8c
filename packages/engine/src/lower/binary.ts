import type { LoweringContext, LoweringRule, LoweringTable, Operand } from './context.js';

/** A kernel that is one ONNX operator of two tensors that broadcast. */
function direct(op: string): LoweringRule {
  return ({ inputs }, context) => [context.emit(op, [inputs[0]!.name, inputs[1]!.name])];
}

/** ONNX compares equal dtypes only; tfjs has made them equal before, but for bools, which it compares as numbers. */
function comparison(op: string): LoweringRule {
  return ({ inputs }, context) => {
    const names = inputs.map(({ name, dtype }) => context.cast(name, dtype, dtype === 'bool' ? 'int32' : dtype));
    return [context.emit(op, names)];
  };
}

function logical(op: string): LoweringRule {
  return ({ inputs }, context) => [
    context.emit(
      op,
      inputs.map(({ name, dtype }) => context.cast(name, dtype, 'bool')),
    ),
  ];
}

const notEqual: LoweringRule = (node, context) => {
  const equal = comparison('Equal')(node, context);
  return [context.emit('Not', equal)];
};

/** tfjs adds and multiplies bools as int32. */
function arithmetic(op: string): LoweringRule {
  return ({ inputs, outputs }, context) => {
    const dtype = outputs[0]!.dtype === 'bool' ? 'int32' : outputs[0]!.dtype;
    const result = context.emit(
      op,
      inputs.map((input) => context.cast(input.name, input.dtype, dtype)),
    );
    return [context.cast(result, dtype, outputs[0]!.dtype)];
  };
}

const addN: LoweringRule = ({ inputs }, context) => {
  const names = inputs.map(({ name }) => name);
  if (inputs[0]!.dtype === 'float32') return [context.emit('Sum', names)];
  return [names.reduce((sum, name) => context.emit('Add', [sum, name]))];
};

const squaredDifference: LoweringRule = ({ inputs }, context) => {
  const difference = context.emit('Sub', [inputs[0]!.name, inputs[1]!.name]);
  return [context.emit('Mul', [difference, difference])];
};

const realDiv: LoweringRule = ({ inputs }, context) => {
  return [
    context.emit(
      'Div',
      inputs.map(({ name, dtype }) => context.cast(name, dtype, 'float32')),
    ),
  ];
};

/**
 * ⌊a / b⌋ of int32: the quotient that ONNX truncates, less one where the remainder has another sign than b. Dividing by 0
 * and the least int32 by −1 would end the process; tfjs gives 0, and −a wrapped around, for these.
 */
const floorDiv: LoweringRule = ({ inputs }, context) => {
  const [a, b] = inputs.map(({ name }) => name) as [string, string];
  const [zero, one] = [context.int32(0), context.int32(1)];
  const isZero = context.emit('Equal', [b, zero]);
  const isMinusOne = context.emit('Equal', [b, context.int32(-1)]);
  const divisor = context.emit('Where', [context.emit('Or', [isZero, isMinusOne]), one, b]);
  const quotient = context.emit('Div', [a, divisor]);
  const remainder = context.emit('Sub', [a, context.emit('Mul', [quotient, divisor])]);
  const signs = [remainder, divisor].map((name) => context.emit('Less', [name, zero]));
  const isInexact = context.emit('Not', [context.emit('Equal', [remainder, zero])]);
  const isAbove = context.emit('And', [isInexact, context.emit('Xor', signs)]);
  const floor = context.emit('Where', [isAbove, context.emit('Sub', [quotient, one]), quotient]);
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

/** atan(y / x), moved by ±π where x is negative; x = 0 falls out of the division by a signed zero but for y = 0. */
const atan2: LoweringRule = ({ inputs }, context) => {
  const [y, x] = inputs.map((input) => context.cast(input.name, input.dtype, 'float32')) as [string, string];
  const zero = context.float(0);
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

/** x < 0 ? alpha · x : x, with alpha broadcast to x or x to alpha. */
const prelu: LoweringRule = ({ inputs }, context) => {
  const [x, alpha] = inputs as [Operand, Operand];
  const negative = context.emit('Less', [x.name, context.float(0)]);
  return [context.emit('Where', [negative, context.emit('Mul', [alpha.name, x.name]), x.name])];
};

/** The condition of a `Select` may be a vector over the rows of t and e. */
const select: LoweringRule = ({ inputs, outputs }, context) => {
  const [condition, t, e] = inputs as [Operand, Operand, Operand];
  const chosen = context.cast(selectCondition(condition, t.shape.length, context), condition.dtype, 'bool');
  const dtype = outputs[0]!.dtype;
  // ONNX Runtime's Where knows no bools.
  const inner = dtype === 'bool' ? 'int32' : dtype;
  const branches = [t, e].map((input) => context.cast(input.name, input.dtype, inner));
  return [context.cast(context.emit('Where', [chosen, ...branches]), inner, dtype)];
};

function selectCondition({ name, shape }: Operand, rank: number, context: LoweringContext): string {
  if (shape.length !== 1 || rank <= 1) return name;
  return context.reshape(name, [shape[0]!, ...Array.from({ length: rank - 1 }, () => 1)]);
}

/** Element-wise kernels of two tensors or more, which broadcast. */
export const BINARY: LoweringTable = {
  Add: arithmetic('Add'),
  AddN: addN,
  Atan2: atan2,
  Equal: comparison('Equal'),
  FloorDiv: floorDiv,
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  LogicalAnd: logical('And'),
  LogicalOr: logical('Or'),
  Maximum: direct('Max'),
  Minimum: direct('Min'),
  Mod: mod,
  Multiply: arithmetic('Mul'),
  NotEqual: notEqual,
  Pow: direct('Pow'),
  Prelu: prelu,
  RealDiv: realDiv,
  Select: select,
  SquaredDifference: squaredDifference,
  Sub: arithmetic('Sub'),
};
