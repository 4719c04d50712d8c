import { layers, sequential } from '@gantry/engine/tfjs';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { defineGan } from '../define-gan.js';

const LATENT = 100;
const HIDDEN = 256;
const IMAGE_SHAPE = [28, 28, 1] as const;
const PIXELS = 784;
const KERNEL = 'glorotUniform';

/** 100 → 256 → 256 → 784, ReLU and sigmoid, reshaped to 28 × 28 × 1. */
function generator(): LayersModel {
  return sequential({
    layers: [
      layers.dense({ units: HIDDEN, activation: 'relu', kernelInitializer: KERNEL, inputShape: [LATENT] }),
      layers.dense({ units: HIDDEN, activation: 'relu', kernelInitializer: KERNEL }),
      layers.dense({ units: PIXELS, activation: 'sigmoid', kernelInitializer: KERNEL }),
      layers.reshape({ targetShape: [...IMAGE_SHAPE] }),
    ],
  });
}

/** 784 → 256 → 256 → 1, ReLU, ending in a logit where the article has a sigmoid (docs/gan.md). */
function discriminator(): LayersModel {
  return sequential({
    layers: [
      layers.flatten({ inputShape: [...IMAGE_SHAPE] }),
      layers.dense({ units: HIDDEN, activation: 'relu', kernelInitializer: KERNEL }),
      layers.dense({ units: HIDDEN, activation: 'relu', kernelInitializer: KERNEL }),
      layers.dense({ units: 1, kernelInitializer: KERNEL }),
    ],
  });
}

/** The article's multilayer-perceptron GAN. */
export const mlp = defineGan({ name: 'mlp', latent: LATENT, imageShape: IMAGE_SHAPE, generator, discriminator });
