/**
 * A GAN of table rows: `npx gantry train --model examples/table-gan.ts --dataset csv:flowers.csv`.
 *
 * A row of F numbers is an image [1, F, 1]. F is what the schema of the columns makes: one for each numeric column, and one for
 * each category of a categorical one (docs/data.md). min-max columns and categories are 0…1, so the generator may end in a
 * sigmoid; with `scale: standard` leave the activation out.
 */
import { defineGan } from '@gantry/gan';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';

/** F of docs/data.md's flowers: 2 numeric columns and 3 categories. */
const FEATURES = 5;
const LATENT = 16;

/** z [16] → 64 → 64 → a row [1, F, 1] with values in 0…1. */
function generator(): LayersModel {
  return sequential({
    layers: [
      layers.dense({ units: 64, activation: 'relu', kernelInitializer: 'heNormal', inputShape: [LATENT] }),
      layers.dense({ units: 64, activation: 'relu', kernelInitializer: 'heNormal' }),
      layers.dense({ units: FEATURES, activation: 'sigmoid' }),
      layers.reshape({ targetShape: [1, FEATURES, 1] }),
    ],
  });
}

/** A row → 64 → 64 → one logit. */
function discriminator(): LayersModel {
  return sequential({
    layers: [
      layers.flatten({ inputShape: [1, FEATURES, 1] }),
      layers.dense({ units: 64, kernelInitializer: 'heNormal' }),
      layers.leakyReLU({ alpha: 0.2 }),
      layers.dense({ units: 64, kernelInitializer: 'heNormal' }),
      layers.leakyReLU({ alpha: 0.2 }),
      layers.dense({ units: 1 }),
    ],
  });
}

export default defineGan({ name: 'table', latent: LATENT, imageShape: [1, FEATURES, 1], generator, discriminator });
