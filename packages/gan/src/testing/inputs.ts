import { fillNormal, fillUniform, layoutViews, NETWORKS, type NetworkName } from '@gantry/common';
import type { Gan } from '../contract.js';
import type { Rows } from './reference.js';

/** Weights and samples for a test, reproducible. */
export interface TestInputs {
  readonly weights: Readonly<Record<NetworkName, Float32Array>>;
  readonly real: Float32Array;
  readonly z: Float32Array;
}

/** Initial weights with every number moved a little, so that no bias is zero and no unit sits on ReLU's kink. */
export function testInputs(gan: Gan, samples: number): TestInputs {
  const key = { seed: 11, stream: 6, step: 0, sample: 0 };
  const state = gan.initialState();
  const weights = {} as Record<NetworkName, Float32Array>;
  for (const network of NETWORKS) {
    const section = gan.state.sections.find((found) => found.network === network && found.role === 'params')!;
    const flat = state.slice(section.offset, section.offset + section.length);
    key.sample++;
    for (const { offset, length } of section.layout.entries) {
      const noise = new Float32Array(length);
      key.step++;
      fillNormal(noise, 0, length, key);
      for (let i = 0; i < length; i++) flat[offset + i] = flat[offset + i]! + 0.3 * noise[i]!;
    }
    weights[network] = flat;
  }
  const real = new Float32Array(samples * gan.imageShape.reduce((product, size) => product * size, 1));
  const z = new Float32Array(samples * gan.latent);
  fillUniform(real, 0, real.length, { ...key, sample: 100 });
  fillNormal(z, 0, z.length, { ...key, sample: 101 });
  return { weights, real, z };
}

/** As a program's inputs. */
export function programInputs(gan: Gan, { weights, real, z }: TestInputs): Record<string, Float32Array> {
  return {
    ...layoutViews(gan.layouts.discriminator, weights.discriminator, 'discriminator/'),
    ...layoutViews(gan.layouts.generator, weights.generator, 'generator/'),
    real,
    z,
  };
}

/** The gradients that a program put out, as one flat vector by layout. */
export function flatGradients(gan: Gan, network: NetworkName, outputs: Record<string, Float32Array>): Float32Array {
  const flat = new Float32Array(gan.layouts[network].length);
  for (const { name, offset } of gan.layouts[network].entries)
    flat.set(outputs[`gradients/${network}/${name}`]!, offset);
  return flat;
}

export function rows(flat: Float32Array, width: number): Rows {
  return Array.from({ length: flat.length / width }, (_, i) =>
    Float64Array.from(flat.subarray(i * width, (i + 1) * width)),
  );
}

/** Largest difference, relative to the largest magnitude expected if there is any. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return magnitude === 0 ? difference : difference / magnitude;
}
