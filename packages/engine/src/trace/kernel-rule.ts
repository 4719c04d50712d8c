import type { Attribute, GraphDType } from '../graph/graph.js';
import { broadcastShapes, normalizeAxes } from '../graph/shapes.js';
import { util } from '../tfjs.js';

/** What a rule knows of a tensor: everything but its values. */
export interface TensorShape {
  readonly shape: readonly number[];
  readonly dtype: GraphDType;
}

/** A kernel's attributes as tfjs passes them. */
export type KernelAttributes = Readonly<Record<string, unknown>>;

export interface Inferred {
  readonly outputs: readonly TensorShape[];
  /** Normalized: nothing undefined, axes as non-negative numbers, defaults explicit. */
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** `infer` throws this for what it cannot record; the recorder adds kernel, layer and line. */
export class UnsupportedKernel extends Error {}

/** How one kernel is recorded. */
export interface TraceRule {
  /** What the node is called in the graph, where another kernel says the same in a simpler way. @default kernel */
  readonly op?: string;
  /** Names in the order of the kernel's `Inputs` type; those ending in `?` may be missing; `list` for an array. */
  readonly inputs: readonly string[] | 'list';
  /** The kernel returns an array of tensors. @default false */
  readonly manyOutputs?: boolean;
  /** The result is the first input itself, under the same id, and nothing is recorded. */
  isAlias?(inputs: readonly TensorShape[], attributes: KernelAttributes): boolean;
  /** @throws UnsupportedKernel */
  infer(inputs: readonly TensorShape[], attributes: KernelAttributes): Inferred;
}

/** A rule with the name that its kernel has in tfjs. */
export interface KernelRule extends TraceRule {
  readonly kernel: string;
}

/** One output, for the many rules that have one. */
export function one(
  shape: readonly number[],
  dtype: GraphDType,
  attributes: Readonly<Record<string, Attribute>> = {},
): Inferred {
  return { outputs: [{ shape, dtype }], attributes };
}

/** Reads a dtype out of an attribute. @throws UnsupportedKernel for string and complex64 */
export function graphDType(dtype: unknown): GraphDType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new UnsupportedKernel(`tensors of dtype ${String(dtype)} cannot be captured`);
}

export function requireFloat(inputs: readonly TensorShape[]): void {
  for (const { dtype } of inputs) {
    if (dtype !== 'float32') throw new UnsupportedKernel(`it needs float32, not ${dtype}: cast with tf.cast first`);
  }
}

/** tfjs's backends do not agree about sums of bools, and ONNX Runtime has none. */
export function requireNumber(inputs: readonly TensorShape[]): void {
  if (inputs.some(({ dtype }) => dtype === 'bool')) {
    throw new UnsupportedKernel('it cannot calculate with bool: cast with tf.cast first');
  }
}

/**
 * Axes as tfjs users write them (a number, a list, negative, or nothing for all), ascending and ≥ 0.
 *
 * @throws Error in tfjs's own words, for an axis that does not exist
 */
export function axesOf(axis: unknown, shape: readonly number[]): number[] {
  return normalizeAxes(util.parseAxisParam(axis as number | number[], [...shape]), shape.length);
}

/** The shape of two operands broadcast against each other. @throws Error in tfjs's own words, if they cannot be */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const shape = broadcastShapes(a, b);
  if (shape === undefined) throw Error(`Operands could not be broadcast together with shapes ${a} and ${b}.`);
  return shape;
}
