import { defineGan } from '@gantry/gan';
import { layers, sequential } from '@tensorflow/tfjs-layers';

const hidden = (units: number, more: object = {}) => layers.dense({ units, activation: 'tanh', ...more });

/** The article's networks with tanh where they have ReLU: the same products and sums, without a kink. */
export default defineGan({
  name: 'smooth',
  latent: 100,
  imageShape: [28, 28, 1],
  generator: () =>
    sequential({
      layers: [
        hidden(256, { inputShape: [100] }),
        hidden(256),
        layers.dense({ units: 784, activation: 'sigmoid' }),
        layers.reshape({ targetShape: [28, 28, 1] }),
      ],
    }),
  discriminator: () =>
    sequential({
      layers: [layers.flatten({ inputShape: [28, 28, 1] }), hidden(256), hidden(256), layers.dense({ units: 1 })],
    }),
});
