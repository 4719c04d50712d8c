import type { GradientRule } from '../gradients/gradient.js';
import type { LoweringContext, LoweringRule } from '../lower/context.js';
import {
  broadcastShape,
  one,
  requireFloat,
  requireNumber,
  type TensorShape,
  type TraceRule,
  UnsupportedKernel,
} from '../trace/kernel-rule.js';
import { binaryCheck, unaryCheck } from './checks.js';
import type { KernelDefinition } from './definition.js';

/** A kernel that is one ONNX operator of its operands. */
export function operator(op: string): LoweringRule {
  return ({ inputs }, context) => [
    context.emit(
      op,
      inputs.map(({ name }) => name),
    ),
  ];
}

/** A kernel of one tensor that is several ONNX nodes. */
export function composed(emit: (x: string, context: LoweringContext) => string): LoweringRule {
  return ({ inputs }, context) => [emit(inputs[0]!.name, context)];
}

interface Elementwise {
  /** What it computes of numbers, where uniform tensors shall be folded. */
  readonly compute?: (a: number, b: number) => number;
  readonly gradient?: GradientRule;
  /** @default false */
  readonly commutative?: boolean;
}

type Lowering = string | LoweringRule;

function elementwise(
  kind: 'unary' | 'binary',
  { name, trace, lower }: { readonly name: string; readonly trace: TraceRule; readonly lower: Lowering },
  { gradient, compute, commutative }: Elementwise,
): KernelDefinition {
  return {
    name,
    trace,
    lower: typeof lower === 'string' ? operator(lower) : lower,
    gradient,
    check: kind === 'unary' ? unaryCheck : binaryCheck,
    facts: { elementwise: kind, compute, commutative },
  };
}

/**
 * A kernel from float32 to float32 that keeps the shape; on integers tfjs truncates such a result, which nobody wants.
 *
 * @param lower the ONNX operator that it is, or what it is made of
 * @param defaults of the numbers that are its attributes, which tfjs may leave out
 */
export function floatUnary(
  name: string,
  lower: Lowering,
  options: Elementwise & { readonly defaults?: Readonly<Record<string, number>> } = {},
): KernelDefinition {
  const trace: TraceRule = {
    inputs: ['x'],
    infer(inputs, given) {
      requireFloat(inputs);
      const entries = Object.entries(options.defaults ?? {});
      const attributes = entries.map(([key, value]) => [key, (given[key] as number) ?? value]);
      return one(inputs[0]!.shape, 'float32', Object.fromEntries(attributes));
    },
  };
  return elementwise('unary', { name, trace, lower }, options);
}

/** A kernel of any number that keeps shape and dtype. */
export function numberUnary(name: string, lower: Lowering, options: Elementwise = {}): KernelDefinition {
  const trace: TraceRule = {
    inputs: ['x'],
    infer(inputs) {
      requireNumber(inputs);
      return one(inputs[0]!.shape, inputs[0]!.dtype);
    },
  };
  return elementwise('unary', { name, trace, lower }, options);
}

/** A test of each float32 number. */
export function testUnary(name: string, lower: Lowering, options: Elementwise = {}): KernelDefinition {
  const trace: TraceRule = {
    inputs: ['x'],
    infer(inputs) {
      requireFloat(inputs);
      return one(inputs[0]!.shape, 'bool');
    },
  };
  return elementwise('unary', { name, trace, lower }, options);
}

/** tfjs's own ops make the types of operands match; only a kernel that was run by hand fails here. */
function requireCommonDType(a: TensorShape, b: TensorShape): void {
  if (a.dtype !== b.dtype) throw new UnsupportedKernel(`its operands are ${a.dtype} and ${b.dtype}: cast one of them`);
}

/** Arithmetic of two tensors of one number type. */
export function numberBinary(name: string, lower: Lowering, options: Elementwise = {}): KernelDefinition {
  const trace: TraceRule = {
    inputs: ['a', 'b'],
    infer([a, b]) {
      requireCommonDType(a!, b!);
      requireNumber([a!, b!]);
      return one(broadcastShape(a!.shape, b!.shape), a!.dtype);
    },
  };
  return elementwise('binary', { name, trace, lower }, options);
}

/** Arithmetic of float32 only. */
export function floatBinary(
  name: string,
  lower: Lowering,
  options: Elementwise & { readonly names?: readonly [string, string] } = {},
): KernelDefinition {
  const trace: TraceRule = {
    inputs: options.names ?? ['a', 'b'],
    infer(inputs) {
      requireFloat(inputs);
      return one(broadcastShape(inputs[0]!.shape, inputs[1]!.shape), 'float32');
    },
  };
  return elementwise('binary', { name, trace, lower }, options);
}

/** Arithmetic of int32 only. @param instead what to write for other types */
export function integerBinary(
  name: string,
  lower: Lowering,
  options: Elementwise & { readonly instead: string },
): KernelDefinition {
  const trace: TraceRule = {
    inputs: ['a', 'b'],
    infer([a, b]) {
      if (a!.dtype !== 'int32' || b!.dtype !== 'int32')
        throw new UnsupportedKernel(`it needs int32; ${options.instead}`);
      return one(broadcastShape(a!.shape, b!.shape), 'int32');
    },
  };
  return elementwise('binary', { name, trace, lower }, options);
}

/** A comparison of two tensors of one type. */
export function comparisonBinary(name: string, lower: Lowering, options: Elementwise = {}): KernelDefinition {
  const trace: TraceRule = {
    inputs: ['a', 'b'],
    infer([a, b]) {
      requireCommonDType(a!, b!);
      return one(broadcastShape(a!.shape, b!.shape), 'bool');
    },
  };
  return elementwise('binary', { name, trace, lower }, options);
}
