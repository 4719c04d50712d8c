import { add, concat, keep, mul, slice } from '@gantry/engine/tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { GanLoss } from '../definition.js';
import type { Network } from '../networks/network.js';
import { r1Penalty } from '../penalties/r1.js';
import { checkLossValue } from './loss-value.js';

/** How D is judged: the loss, and R1 if this update carries it. */
export interface DiscriminatorObjective {
  readonly loss: GanLoss;
  readonly penalized: boolean;
  readonly r1Gamma: number;
  readonly r1Interval: number;
}

/** Everything that a D update computes on the way, kept from the tape's tidy: the caller disposes of what it does not return. */
export interface DiscriminatorPass {
  /** [b, 1] */
  readonly realLogits: Tensor;
  /** [b, 1] */
  readonly fakeLogits: Tensor;
  /** The GAN loss alone, a scalar. */
  readonly loss: Tensor;
  /** R1, not weighted, a scalar. */
  readonly penalty: Tensor | undefined;
  /** What is differentiated: loss + r1Interval · penalty. */
  readonly objective: Tensor;
}

/**
 * One forward pass of D on real and fake images, and its objective. The lazy penalty stands for r1Interval updates, so it is
 * weighted by that (Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN", §3.1).
 *
 * @param real [b, h, w, c] @param fake [b, h, w, c] @param joint one pass over [2b, …] instead of two over [b, …]
 */
export function discriminatorPass(
  discriminator: Network,
  images: { real: Tensor; fake: Tensor },
  settings: DiscriminatorObjective & { joint: boolean },
): DiscriminatorPass {
  const { realLogits, fakeLogits, penalty } = logitsOf(discriminator, images, settings);
  const loss = settings.loss.discriminator(realLogits, fakeLogits);
  checkLossValue(loss, settings.loss.name, 'discriminator');
  keep(loss);
  const objective = penalty === undefined ? loss : add(loss, mul(penalty, settings.r1Interval));
  return { realLogits, fakeLogits, loss, penalty, objective };
}

function logitsOf(
  discriminator: Network,
  { real, fake }: { real: Tensor; fake: Tensor },
  settings: DiscriminatorObjective & { joint: boolean },
): Pick<DiscriminatorPass, 'realLogits' | 'fakeLogits' | 'penalty'> {
  const apply = (images: Tensor) => discriminator.apply(images, { training: true });
  if (settings.penalized) {
    const { logits, penalty } = r1Penalty(apply, real, settings.r1Gamma);
    return { realLogits: logits, fakeLogits: keep(apply(fake)), penalty: keep(penalty) };
  }
  if (!settings.joint) return { realLogits: keep(apply(real)), fakeLogits: keep(apply(fake)), penalty: undefined };
  return { ...jointLogits(apply, real, fake), penalty: undefined };
}

/** D on both halves at once: half as many matrix products, each twice as large. Equal where an image's logit is its own. */
function jointLogits(apply: (images: Tensor) => Tensor, real: Tensor, fake: Tensor) {
  const samples = real.shape[0]!;
  const logits = apply(concat([real, fake], 0)); // [2b, 1]
  return {
    realLogits: keep(slice(logits, [0, 0], [samples, 1])),
    fakeLogits: keep(slice(logits, [samples, 0], [samples, 1])),
  };
}
