import type { Layout } from '@gantry/common';
import type { Activation } from './small-gan.js';

/*
 * The small GAN again, by hand in float64: forward passes, D's gradient at its input, and gradients of any scalar of the
 * weights by central differences. Weights are flat vectors by layout; images and z are arrays of rows.
 */

interface Dense {
  readonly kernel: Float64Array; // [inputs, units]
  readonly bias: Float64Array; // [units]
}

export type Rows = readonly Float64Array[];

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
export const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
export const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const ACTIVATIONS: Record<Activation, { value(x: number): number; slope(x: number): number }> = {
  relu: { value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },
  tanh: { value: Math.tanh, slope: (x) => 1 - Math.tanh(x) ** 2 },
};

function denseLayers(layout: Layout, flat: Float64Array): Dense[] {
  const view = (i: number) => {
    const { offset, length } = layout.entries[i]!;
    return flat.subarray(offset, offset + length);
  };
  return layout.entries.flatMap((_, i) => (i % 2 === 0 ? [{ kernel: view(i), bias: view(i + 1) }] : []));
}

function affine({ kernel, bias }: Dense, x: Float64Array): Float64Array {
  return bias.map((b, j) => x.reduce((sum, value, i) => sum + value * kernel[i * bias.length + j]!, b));
}

/** Pre-activations of every layer for one row. */
function forward(dense: readonly Dense[], x: Float64Array, activation: Activation): Float64Array[] {
  const before: Float64Array[] = [];
  let input = x;
  for (const layer of dense) {
    before.push(affine(layer, input));
    input = before.at(-1)!.map(ACTIVATIONS[activation].value);
  }
  return before;
}

export function generate(layout: Layout, flat: Float64Array, z: Rows, activation: Activation): Rows {
  const dense = denseLayers(layout, flat);
  return z.map((row) => forward(dense, row, activation).at(-1)!.map(sigmoid));
}

export function logits(layout: Layout, flat: Float64Array, images: Rows, activation: Activation): number[] {
  const dense = denseLayers(layout, flat);
  return images.map((row) => forward(dense, row, activation).at(-1)![0]!);
}

/** Mean over the rows of ‖∇ₓ D(x)‖², by back-propagation. */
export function meanSquaredInputGradient(
  layout: Layout,
  flat: Float64Array,
  images: Rows,
  activation: Activation,
): number {
  const dense = denseLayers(layout, flat);
  return mean(images.map((row) => inputGradient(dense, row, activation).reduce((sum, value) => sum + value ** 2, 0)));
}

function inputGradient(dense: readonly Dense[], row: Float64Array, activation: Activation): Float64Array {
  const before = forward(dense, row, activation);
  let gradient = Float64Array.of(1); // of the logit
  for (let l = dense.length - 1; l >= 0; l--) {
    const { kernel, bias } = dense[l]!;
    const units = bias.length;
    const out = gradient;
    gradient = new Float64Array(kernel.length / units).map((_, i) =>
      out.reduce((sum, value, j) => sum + value * kernel[i * units + j]!, 0),
    );
    if (l > 0) gradient = gradient.map((value, i) => value * ACTIVATIONS[activation].slope(before[l - 1]![i]!));
  }
  return gradient;
}

/** ∂f/∂flat by central differences, only where the layout has a tensor. */
export function numericalGradient(layout: Layout, flat: Float64Array, f: (flat: Float64Array) => number): Float64Array {
  const epsilon = 1e-6;
  const gradient = new Float64Array(flat.length);
  for (const { offset, length } of layout.entries) {
    for (let i = offset; i < offset + length; i++) {
      const moved = (by: number) => flat.map((value, k) => (k === i ? value + by : value));
      gradient[i] = (f(moved(epsilon)) - f(moved(-epsilon))) / (2 * epsilon);
    }
  }
  return gradient;
}
