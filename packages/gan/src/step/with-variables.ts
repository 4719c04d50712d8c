import type { Tensor, Variable } from '@tensorflow/tfjs-core';

/**
 * Runs `fn` with each variable standing for the tensor at its place, and puts the variables back after.
 * Only the reference to the data is exchanged: the tensors outlive `fn`, and nobody disposes of a variable meanwhile.
 */
export function withVariables<T>(variables: readonly Variable[], tensors: readonly Tensor[], fn: () => T): T {
  const originals = variables.map(({ dataId }) => dataId);
  variables.forEach((variable, i) => {
    variable.dataId = tensors[i]!.dataId;
  });
  try {
    return fn();
  } finally {
    variables.forEach((variable, i) => {
      variable.dataId = originals[i]!;
    });
  }
}
