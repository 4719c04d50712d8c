import { add, mean, neg, softplus } from '@gantry/engine/tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { GanLoss } from '../definition.js';

/*
 * With D(x) = sigmoid(logit): −log D = softplus(−logit) and −log(1 − D) = softplus(logit), where
 * softplus(x) = log(1 + exp x). `Softplus` is stable in every engine (it never forms exp of a large number), and
 * its gradient is a sigmoid of the *input*, so first and second derivatives are right. Shapes: logits [b, 1].
 */

/** −mean log D(real) − mean log(1 − D(fake)): binary cross-entropy (Goodfellow et al. 2014, eq. 1, as D minimizes it). */
function discriminatorCrossEntropy(realLogits: Tensor, fakeLogits: Tensor): Tensor {
  return add(mean(softplus(neg(realLogits))), mean(softplus(fakeLogits)));
}

/** G maximizes log D(fake): its gradient does not vanish while D wins (Goodfellow et al. 2014, §3). */
const nonSaturating: GanLoss = {
  name: 'non-saturating',
  discriminator: discriminatorCrossEntropy,
  generator: (fakeLogits) => mean(softplus(neg(fakeLogits))),
};

/** G minimizes log(1 − D(fake)): the two-player game as first written (Goodfellow et al. 2014, eq. 1). */
const minimax: GanLoss = {
  name: 'minimax',
  discriminator: discriminatorCrossEntropy,
  generator: (fakeLogits) => neg(mean(softplus(fakeLogits))),
};

/** The losses that have a name; anything else is a {@link GanLoss} in the user's definition. */
export const LOSSES: Readonly<Record<string, GanLoss>> = {
  [nonSaturating.name]: nonSaturating,
  [minimax.name]: minimax,
};
