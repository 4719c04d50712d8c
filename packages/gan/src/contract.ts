import type { Layout, NetworkName, StateLayout } from '@gantry/common';
import type { Program } from '@gantry/engine';

/** What one update changes. `both`: simultaneous. */
export type UpdateKind = 'discriminator' | 'generator' | 'both';

/** Where an update stands in the run; a pure function of its number (0-based) and the config. */
export interface UpdatePlan {
  readonly update: number;
  readonly kind: UpdateKind;
  readonly networks: readonly NetworkName[];
  /** Step it belongs to, 0-based. */
  readonly step: number;
  /** Number of D updates committed before it, which is also the index of the data batch it reads (D and both). */
  readonly discriminatorUpdate: number;
  /** Number of G updates committed before it. */
  readonly generatorUpdate: number;
  /** Whether this D update carries the lazy R1 penalty. */
  readonly penalized: boolean;
  readonly completesStep: boolean;
}

/** Per-shard scalars that the gradient programs put out, in this order, in the shard's metrics row. */
export const METRIC_NAMES = ['discriminatorLoss', 'generatorLoss', 'accuracyReal', 'accuracyFake', 'penalty'] as const;
export type MetricName = (typeof METRIC_NAMES)[number];

/**
 * A GAN ready to be trained: networks built, layouts fixed, programs to be compiled by any engine.
 *
 * Edge names of the gradient programs:
 * inputs `discriminator/<tensor>` and `generator/<tensor>` (views of params by layout), `real` [b, h, w, c] in 0…1,
 * `z` [b, latent]; outputs `gradients/discriminator/<tensor>`, `gradients/generator/<tensor>`, `metrics/<MetricName>` [].
 * `b` is samples per shard. Gradients are of the mean over the shard.
 *
 * `discriminator` puts out D's gradients, discriminatorLoss (without the penalty), accuracyReal, accuracyFake, and penalty
 * (γ/2 · mean ‖∇D‖², not weighted by r1Interval) if penalized; `generator` has no input `real` and puts out G's gradients and
 * generatorLoss; `both` puts out all of these. A metric that a kind does not have is not an output.
 */
export interface Gan {
  readonly name: string;
  readonly latent: number;
  readonly imageShape: readonly [number, number, number];
  readonly layouts: Readonly<Record<NetworkName, Layout>>;
  readonly state: StateLayout;
  /** Length state.length; a pure function of definition and seed. */
  initialState(): Float32Array;
  gradientsProgram(kind: UpdateKind, options: { samples: number; penalized: boolean }): Program;
  /** Inputs `generator/<tensor>` and `z` [count, latent]; output `images` [count, h, w, c] in 0…1. */
  generateProgram(count: number): Program;
  /** Inputs `discriminator/<tensor>`, `images` [count, h, w, c]; output `logits` [count, 1]. */
  discriminateProgram(count: number): Program;
  /**
   * The fused update of `length` floats of one network: sums `partials` vectors along the tree, divides by the shards (folded
   * into the rates), Adam, EMA where the network has one. Inputs `params`, `firstMoment`, `secondMoment`, [`ema`],
   * `partials/0` … each [length]; scalars `rate`, `epsilon`, [`emaRate`] []. Outputs `params`, `firstMoment`, `secondMoment`, [`ema`], and
   * `squaredNorm` [] of the summed gradient: not finite if the gradient is not, or is so large that its square overflows
   * (elements above 1.8e19, which no training that works comes near to).
   */
  updateProgram(network: NetworkName, options: { length: number; partials: number }): Program;
  /** Values of the update program's scalars for the t-th update of a network, t from 1. */
  updateScalars(network: NetworkName, t: number): { rate: number; epsilon: number; emaRate: number };
}
