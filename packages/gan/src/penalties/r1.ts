import { grad, keep, mul, square, sum } from '@gantry/engine/tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';

/** D's logits on the real images, from the same forward pass as the penalty; kept: the caller disposes of them. */
export interface R1Result {
  /** [b, 1] */
  readonly logits: Tensor;
  /** γ/2 · mean ‖∇ₓ D(x)‖², a scalar, not weighted by the interval. */
  readonly penalty: Tensor;
}

/**
 * The R1 gradient penalty on real images: γ/2 · E‖∇ₓ D(x)‖² (Mescheder, Geiger, Nowozin 2018, "Which training methods for
 * GANs do actually converge?", eq. 9). Differentiable again with respect to D's weights.
 *
 * One gradient of Σ D(x) gives every image's own gradient, because an image's logit depends on that image alone.
 *
 * @param discriminator [b, h, w, c] → [b, 1] @param real [b, h, w, c]
 */
export function r1Penalty(discriminator: (images: Tensor) => Tensor, real: Tensor, gamma: number): R1Result {
  let logits: Tensor | undefined;
  const gradient = grad((images: Tensor) => {
    logits = keep(discriminator(images));
    return sum(logits);
  })(real);
  return { logits: logits!, penalty: mul(sum(square(gradient)), gamma / 2 / real.shape[0]!) };
}
