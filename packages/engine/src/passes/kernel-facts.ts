/** Element-wise kernels of one tensor, by what they compute of one number: for uniform tensors, and to know them by. */
export const UNARY_FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  Abs: Math.abs,
  Ceil: Math.ceil,
  Exp: Math.exp,
  Expm1: Math.expm1,
  Floor: Math.floor,
  Log: Math.log,
  Log1p: Math.log1p,
  LogicalNot: (x) => Number(x === 0),
  Neg: (x) => -x,
  Reciprocal: (x) => 1 / x,
  Relu: (x) => Math.max(x, 0),
  Rsqrt: (x) => 1 / Math.sqrt(x),
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Sign: Math.sign,
  Sqrt: Math.sqrt,
  Square: (x) => x * x,
  Tanh: Math.tanh,
};

/** Element-wise kernels of two tensors, likewise. */
export const BINARY_FUNCTIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Equal: (a, b) => Number(a === b),
  Greater: (a, b) => Number(a > b),
  GreaterEqual: (a, b) => Number(a >= b),
  Less: (a, b) => Number(a < b),
  LessEqual: (a, b) => Number(a <= b),
  LogicalAnd: (a, b) => Number(a !== 0 && b !== 0),
  LogicalOr: (a, b) => Number(a !== 0 || b !== 0),
  Maximum: Math.max,
  Minimum: Math.min,
  Multiply: (a, b) => a * b,
  NotEqual: (a, b) => Number(a !== b),
  Pow: (a, b) => a ** b,
  RealDiv: (a, b) => a / b,
  SquaredDifference: (a, b) => (a - b) ** 2,
  Sub: (a, b) => a - b,
};

/** Kernels of one tensor that work element by element and keep its shape: what may change places with a reshape. */
export const ELEMENTWISE_UNARY: readonly string[] = [
  ...Object.keys(UNARY_FUNCTIONS),
  'Cast',
  'ClipByValue',
  'Cos',
  'Cosh',
  'Elu',
  'Erf',
  'IsFinite',
  'IsInf',
  'IsNan',
  'LeakyRelu',
  'Relu6',
  'Round',
  'Selu',
  'Sin',
  'Sinh',
  'Softplus',
  'Step',
  'Tan',
];

/** Kernels whose two operands broadcast. */
export const ELEMENTWISE_BINARY: readonly string[] = [
  ...Object.keys(BINARY_FUNCTIONS),
  'Atan2',
  'FloorDiv',
  'Mod',
  'Prelu',
];

/** Kernels whose two operands may change places. */
export const COMMUTATIVE: ReadonlySet<string> = new Set(['Add', 'Maximum', 'Minimum', 'Multiply', 'SquaredDifference']);
