import { getGradient, registerGradient, unregisterGradient } from '@tensorflow/tfjs-core';
import { ACTIVATION_GRADIENTS } from './activations.js';
import { mendCustomGrad } from './custom-grad.js';
import { ELEMENTWISE_GRADIENTS } from './elementwise.js';
import { type Gradient, toGradConfig } from './gradient.js';
import { PRODUCT_GRADIENTS } from './products.js';
import { REDUCTION_GRADIENTS } from './reductions.js';
import { SHAPE_GRADIENTS } from './shapes.js';
import { ZERO_GRADIENTS } from './zeros.js';

/** Every gradient that Gantry replaces or adds; all others are tfjs's own. */
export const GRADIENTS: readonly Gradient[] = [
  ...ACTIVATION_GRADIENTS,
  ...ELEMENTWISE_GRADIENTS,
  ...PRODUCT_GRADIENTS,
  ...REDUCTION_GRADIENTS,
  ...SHAPE_GRADIENTS,
  ...ZERO_GRADIENTS,
];

let installed = false;

/**
 * Puts Gantry's gradient table into TensorFlow.js, for every backend of this process, once; calling it again does
 * nothing. Why it is needed: tfjs 4.22 has silently wrong second derivatives wherever a gradient saves its kernel's
 * output (tanh, sigmoid, exp, elu, softmax, max …), and none at all for comparisons.
 */
export function installGradients(): void {
  if (installed) return;
  installed = true;
  for (const gradient of GRADIENTS) {
    if (getGradient(gradient.kernel) != null) unregisterGradient(gradient.kernel);
    registerGradient(toGradConfig(gradient));
  }
  mendCustomGrad();
}
