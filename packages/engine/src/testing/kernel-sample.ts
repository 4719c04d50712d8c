import type * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../graph/graph.js';
import type { DType } from '../program.js';
import type { Draw } from './draw.js';

/** An input of a sample: uniform random numbers, or integers. */
export interface SampleInput {
  readonly shape: readonly number[];
  /** @default float32 */
  readonly dtype?: DType;
  /** [low, high). @default [−2, 2) */
  readonly range?: readonly [number, number];
  /** Points that no number comes near to: kinks, where finite differences say nothing. @default none */
  readonly avoid?: readonly number[];
}

/**
 * One use of one kernel, through tfjs's own op: what a kernel's tests run. Each kernel must have at least one, and every
 * numeric test (the lowering and the whole engine against the oracle, derivatives against differences) loops over them.
 */
export interface KernelSample {
  readonly kernel: string;
  readonly inputs: readonly SampleInput[];
  run(...inputs: tf.Tensor[]): tf.Tensor | tf.Tensor[];
  /** Its float32 inputs have derivatives to compare with finite differences. @default true */
  readonly smooth?: boolean;
  /**
   * Of a kernel that no trace records but the passes make: the attributes of its node. `run` then says, in other
   * kernels, what it computes.
   */
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** The samples of one family of kernels. */
export interface SampleFamily {
  readonly samples: readonly KernelSample[];
  /** Each recorded kernel of the family on shapes, axes and ranks that are drawn. */
  draw(draw: Draw): KernelSample[];
}

export const X: SampleInput = { shape: [3, 4] };
export const KINKED: SampleInput = { shape: [3, 4], avoid: [0] };
export const POSITIVE: SampleInput = { shape: [3, 4], range: [0.5, 2.5] };
export const UNIT: SampleInput = { shape: [3, 4], range: [-0.8, 0.8] };
export const INTEGERS: SampleInput = { shape: [3, 4], dtype: 'int32', range: [-5, 6] };
export const ROW: SampleInput = { shape: [4] };
export const CUBE: SampleInput = { shape: [2, 3, 4] };

export type Unary = (x: tf.Tensor) => tf.Tensor;
export type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

export function unary(kernel: string, run: Unary, input: SampleInput = X): KernelSample {
  return { kernel, inputs: [input], run };
}

export function binary(kernel: string, run: Binary, a: SampleInput = X, b: SampleInput = ROW): KernelSample {
  return { kernel, inputs: [a, b], run };
}

/** The same without derivatives to compare. */
export function steps(sample: KernelSample): KernelSample {
  return { ...sample, smooth: false };
}

/** A sample whose inputs are of the default range, or given. */
export function sample(
  kernel: string,
  inputs: readonly (readonly number[] | SampleInput)[],
  run: KernelSample['run'],
): KernelSample {
  return { kernel, inputs: inputs.map((input) => ('shape' in input ? input : { shape: input })), run };
}

export function integers(shape: readonly number[], low: number, high: number): SampleInput {
  return { shape, dtype: 'int32', range: [low, high] };
}

/** A family of element-wise kernels: what is drawn are its samples on shapes of any rank, two of which broadcast. */
export function elementwiseFamily(samples: readonly KernelSample[]): SampleFamily {
  return {
    samples,
    draw: (draw) =>
      samples.map((known) => {
        const shape = draw.shape();
        const shapes = known.inputs.length === 2 ? draw.pair() : known.inputs.map(() => shape);
        return { ...known, inputs: known.inputs.map((input, i) => ({ ...input, shape: shapes[i]! })) };
      }),
  };
}

/** How far numbers stay away from the points in `avoid`. */
const MARGIN = 0.05;

/** A small generator of uniform numbers in [0, 1) from a seed (Park and Miller's minimal standard). */
export function seededUniform(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 16807) % 2147483647;
    return (state - 1) / 2147483646;
  };
}

/** Values of one input of a sample. */
export function sampleValues(input: SampleInput, uniform: () => number): Float32Array | Int32Array {
  const [low, high] = input.range ?? [-2, 2];
  const length = input.shape.reduce((product, size) => product * size, 1);
  if (input.dtype === 'int32') return Int32Array.from({ length }, () => Math.floor(low + uniform() * (high - low)));
  return Float32Array.from({ length }, () => {
    const value = low + uniform() * (high - low);
    const near = (input.avoid ?? []).find((point) => Math.abs(value - point) < MARGIN);
    return near === undefined ? value : near + (value < near ? -MARGIN : MARGIN);
  });
}
