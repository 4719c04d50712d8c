import { Draw } from '../testing/draw.js';
import { type KernelSample, type SampleFamily, seededUniform } from '../testing/kernel-sample.js';
import { ACTIVATIONS_SAMPLES } from './activations.samples.js';
import { ARITHMETIC_SAMPLES } from './arithmetic.samples.js';
import { FILL_SAMPLES } from './fill.samples.js';
import { FUNCTIONS_SAMPLES } from './functions.samples.js';
import { GATHER_SAMPLES } from './gather.samples.js';
import { LOGIC_SAMPLES } from './logic.samples.js';
import { MATMUL_SAMPLES } from './matmul.samples.js';
import { PAD_SAMPLES } from './pad.samples.js';
import { REDUCE_SAMPLES } from './reduce.samples.js';
import { SCAN_SAMPLES } from './scan.samples.js';
import { SLICE_SAMPLES } from './slice.samples.js';
import { UNARY_SAMPLES } from './unary.samples.js';
import { VIEW_SAMPLES } from './view.samples.js';

/** Tests only: the samples of a new family are a file in this folder and a line here. */
const FAMILIES: readonly SampleFamily[] = [
  UNARY_SAMPLES,
  FUNCTIONS_SAMPLES,
  ACTIVATIONS_SAMPLES,
  ARITHMETIC_SAMPLES,
  LOGIC_SAMPLES,
  REDUCE_SAMPLES,
  SCAN_SAMPLES,
  MATMUL_SAMPLES,
  VIEW_SAMPLES,
  SLICE_SAMPLES,
  PAD_SAMPLES,
  GATHER_SAMPLES,
  FILL_SAMPLES,
];

/** Every sample of every kernel. */
export const KERNEL_SAMPLES: readonly KernelSample[] = FAMILIES.flatMap(({ samples }) => samples);

/** Samples that go through tfjs's own op; the others are of kernels that only the passes make. */
export const RECORDED_SAMPLES = KERNEL_SAMPLES.filter(({ attributes }) => attributes === undefined);

/** One use of every recorded kernel, on shapes, axes and ranks (also of sizes one, and of none) that `uniform` draws. */
export function drawSamples(uniform: () => number): KernelSample[] {
  const draw = new Draw(uniform);
  return FAMILIES.flatMap((family) => family.draw(draw));
}

/** Random numbers of a sample's own, which other samples have no part in. */
export function uniformOf(sample: KernelSample, seed = 0): () => number {
  const ordinal = KERNEL_SAMPLES.filter(({ kernel }) => kernel === sample.kernel).indexOf(sample);
  const name = [...sample.kernel].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 1_000_003, 7);
  return seededUniform(name + 1000 * ordinal + seed);
}
