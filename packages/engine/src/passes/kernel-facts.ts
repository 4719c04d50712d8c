import { kernelsWith } from '../kernels/index.js';

const FACTS = [...kernelsWith('facts')];

function functionsOf(kind: 'unary' | 'binary'): Readonly<Record<string, (a: number, b: number) => number>> {
  const found = FACTS.flatMap(([name, { elementwise, compute }]) =>
    elementwise === kind && compute !== undefined ? [[name, compute] as const] : [],
  );
  return Object.fromEntries(found);
}

function namesOf(kind: 'unary' | 'binary'): readonly string[] {
  return FACTS.flatMap(([name, { elementwise }]) => (elementwise === kind ? [name] : []));
}

/** Element-wise kernels of one tensor, by what they compute of one number: for uniform tensors. */
export const UNARY_FUNCTIONS = functionsOf('unary') as Readonly<Record<string, (x: number) => number>>;

/** Element-wise kernels of two tensors, likewise. */
export const BINARY_FUNCTIONS = functionsOf('binary');

/** Kernels of one tensor that work element by element and keep its shape: what may change places with a reshape. */
export const ELEMENTWISE_UNARY = namesOf('unary');

/** Kernels whose two operands broadcast. */
export const ELEMENTWISE_BINARY = namesOf('binary');

/** Kernels whose two operands may change places. */
export const COMMUTATIVE: ReadonlySet<string> = new Set(
  FACTS.flatMap(([name, { commutative }]) => (commutative === true ? [name] : [])),
);
