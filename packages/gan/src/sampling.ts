import type { Program } from '@gantry/engine';
import type { Network } from './networks/network.js';
import { weightInputs, withWeights } from './step/weights.js';

/** z [count, latent] → `images` [count, h, w, c]; inputs `generator/<tensor>` (params or EMA) and `z`. */
export function createGenerateProgram(generator: Network, latent: number, count: number): Program {
  return {
    name: 'generate',
    inputs: [...weightInputs(generator), { name: 'z', shape: [count, latent], dtype: 'float32' }],
    run: (inputs) =>
      withWeights([generator], inputs, () => ({ images: generator.apply(inputs.z!, { training: false }) })),
  };
}

/** `images` [count, h, w, c] → `logits` [count, 1]; inputs `discriminator/<tensor>` and `images`. */
export function createDiscriminateProgram(
  discriminator: Network,
  imageShape: readonly [number, number, number],
  count: number,
): Program {
  return {
    name: 'discriminate',
    inputs: [...weightInputs(discriminator), { name: 'images', shape: [count, ...imageShape], dtype: 'float32' }],
    run: (inputs) =>
      withWeights([discriminator], inputs, () => ({
        logits: discriminator.apply(inputs.images!, { training: false }),
      })),
  };
}
