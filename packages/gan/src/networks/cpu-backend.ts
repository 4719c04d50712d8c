import '@tensorflow/tfjs-backend-cpu';
import { assert } from '@gantry/common';
import { engine, getBackend, setBackend } from '@gantry/engine/tfjs';

/**
 * Runs `fn` on tfjs's own cpu backend and goes back to the backend before it: initial weights are the same bits on every
 * machine, whatever engine trains them. `setBackend` is asynchronous only for backends that are; this one is not.
 */
export function onCpuBackend<T>(fn: () => T): T {
  const previous = getBackend() as string | null | undefined;
  void setBackend('cpu');
  assert(getBackend() === 'cpu', 'the cpu backend of tfjs is there at once');
  // Else tfjs's first tensor prints an advertisement for tfjs-node.
  (engine().backend as { firstUse?: boolean }).firstUse = false;
  try {
    return fn();
  } finally {
    if (previous && previous !== 'cpu') void setBackend(previous);
  }
}
