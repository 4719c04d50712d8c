import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/**
 * Losses on logits, each a mean over the batch; written in tfjs ops (`tf.mean(tf.softplus(x))`, not the chained methods of the
 * union package), differentiable, and returning a float32 scalar.
 */
export interface GanLoss {
  readonly name: string;
  /** realLogits [b, 1], fakeLogits [b, 1] → scalar. */
  discriminator(realLogits: Tensor, fakeLogits: Tensor): Tensor;
  /** fakeLogits [b, 1] → scalar. */
  generator(fakeLogits: Tensor): Tensor;
}

/** What a user writes, in a file given by `--model`, as its default export: `export default defineGan({ … })`. */
export interface GanDefinition {
  readonly name: string;
  /** Length of z. */
  readonly latent: number;
  /** [height, width, channels] of an image; the data set's must be the same. */
  readonly imageShape: readonly [number, number, number];
  /**
   * A tfjs-layers model [latent] → imageShape, with values in 0…1. Called once for each process, with `Math.random` seeded
   * from the run's seed, so any initializer is reproducible. Not supported yet, and refused by name: weights that are not
   * trained (batch normalization, frozen layers), layers that draw random numbers (dropout), regularizers, constraints.
   */
  generator(): LayersModel;
  /** A tfjs-layers model imageShape → [1]: one logit an image, no sigmoid. */
  discriminator(): LayersModel;
  /** A named loss or one's own. Default: what `--loss` says. */
  readonly loss?: string | GanLoss;
}

/** A definition and where it came from. */
export interface LoadedDefinition {
  readonly definition: GanDefinition;
  /** SHA-256 in hex of what was loaded: the bundled user file, or the preset's name. */
  readonly contentHash: string;
  /** Absolute path of the user's file; null for a preset. */
  readonly path: string | null;
}
