import { defineGan } from '@gantry/gan';
import { layers, sequential } from '@tensorflow/tfjs-layers';

/** Small enough for the oracle: 4 × 4 images of three random numbers. */
export default defineGan({
  name: 'tiny',
  latent: 3,
  imageShape: [4, 4, 1],
  generator: () =>
    sequential({
      layers: [
        layers.dense({ units: 8, activation: 'relu', inputShape: [3] }),
        layers.dense({ units: 16, activation: 'sigmoid' }),
        layers.reshape({ targetShape: [4, 4, 1] }),
      ],
    }),
  discriminator: () =>
    sequential({
      layers: [
        layers.flatten({ inputShape: [4, 4, 1] }),
        layers.dense({ units: 8, activation: 'relu' }),
        layers.dense({ units: 1 }),
      ],
    }),
});
