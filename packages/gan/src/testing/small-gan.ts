import type { RunConfig } from '@gantry/common';
import { layers, sequential } from '@gantry/engine/tfjs';
import { buildGan, type GanConfig } from '../build-gan.js';
import type { Gan } from '../contract.js';
import type { GanDefinition } from '../definition.js';

export type Activation = 'relu' | 'tanh';

/** A GAN small enough for finite differences over every weight: z 3, images 2 × 2 × 1. */
export function smallDefinition(activation: Activation): GanDefinition {
  return {
    name: 'small',
    latent: 3,
    imageShape: [2, 2, 1],
    generator: () =>
      sequential({
        layers: [
          layers.dense({ units: 5, activation, inputShape: [3] }),
          layers.dense({ units: 4, activation: 'sigmoid' }),
          layers.reshape({ targetShape: [2, 2, 1] }),
        ],
      }),
    discriminator: () =>
      sequential({
        layers: [
          layers.flatten({ inputShape: [2, 2, 1] }),
          layers.dense({ units: 6, activation }),
          layers.dense({ units: 5, activation }),
          layers.dense({ units: 1 }),
        ],
      }),
  };
}

export const SMALL_CONFIG: GanConfig & Pick<RunConfig, 'batch'> = {
  seed: 7,
  shards: 1,
  batch: 6,
  loss: 'non-saturating',
  adam: { learningRate: 1e-3, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 },
  emaDecay: 0.999,
  r1Gamma: 3,
  r1Interval: 4,
};

export function smallGan(activation: Activation = 'relu', config: Partial<GanConfig> = {}): Gan {
  return buildGan(smallDefinition(activation), { ...SMALL_CONFIG, ...config });
}
