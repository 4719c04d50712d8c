import type { NetworkName } from '@gantry/common';
import type { Tensor } from '@tensorflow/tfjs-core';
import { invalidModel } from '../errors.js';

/**
 * Checks what a loss returned.
 * @throws GantryError GANTRY_MODEL_INVALID if a user's loss gives anything but a scalar
 */
export function checkLossValue(value: Tensor, loss: string, network: NetworkName): void {
  if (value?.shape?.length === 0 && value.dtype === 'float32') return;
  const what = value?.shape === undefined ? String(value) : `a ${value.dtype} tensor of shape [${value.shape}]`;
  throw invalidModel(
    `the loss "${loss}" gives ${what} for the ${network}; it must give a float32 scalar (use tf.mean).`,
    {
      loss,
      network,
    },
  );
}
