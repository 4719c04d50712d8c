/**
 * A GAN of your own: `npx gantry train --model examples/wide-gan.ts`.
 *
 * A file like this may lie anywhere; it needs no build step and no node_modules beside it. `@gantry/gan` and
 * `@tensorflow/tfjs-core|layers` (or the union package `@tensorflow/tfjs`) mean Gantry's own copies.
 */
import { defineGan } from '@gantry/gan';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';

const LATENT = 64;

/** z [64] → 512 → 512 → an image [28, 28, 1] with values in 0…1. */
function generator(): LayersModel {
  return sequential({
    layers: [
      layers.dense({ units: 512, activation: 'relu', kernelInitializer: 'heNormal', inputShape: [LATENT] }),
      layers.dense({ units: 512, activation: 'relu', kernelInitializer: 'heNormal' }),
      layers.dense({ units: 28 * 28, activation: 'sigmoid' }),
      layers.reshape({ targetShape: [28, 28, 1] }),
    ],
  });
}

/** An image → 512 → 256 → one logit, without a sigmoid: the losses take logits. */
function discriminator(): LayersModel {
  return sequential({
    layers: [
      layers.flatten({ inputShape: [28, 28, 1] }),
      layers.dense({ units: 512, kernelInitializer: 'heNormal' }),
      layers.leakyReLU({ alpha: 0.2 }),
      layers.dense({ units: 256, kernelInitializer: 'heNormal' }),
      layers.leakyReLU({ alpha: 0.2 }),
      layers.dense({ units: 1 }),
    ],
  });
}

export default defineGan({ name: 'wide', latent: LATENT, imageShape: [28, 28, 1], generator, discriminator });
