import { kernelsWith } from '../kernels/index.js';
import { getGradient, registerGradient, unregisterGradient } from '../tfjs.js';
import { mendCustomGrad } from './custom-grad.js';
import { toGradConfig } from './gradient.js';

let installed = false;

/**
 * Puts the kernels' gradients that Gantry replaces or adds into TensorFlow.js, for every backend of this process, once;
 * all others are tfjs's own. Calling it again does nothing. Why it is needed: tfjs 4.22 has silently wrong second
 * derivatives wherever a gradient saves its kernel's output (tanh, sigmoid, exp, elu, softmax, max …), and none at all
 * for comparisons.
 */
export function installGradients(): void {
  if (installed) return;
  installed = true;
  for (const [kernel, gradient] of kernelsWith('gradient')) {
    if (getGradient(kernel) != null) unregisterGradient(kernel);
    registerGradient(toGradConfig(kernel, gradient));
  }
  mendCustomGrad();
}
