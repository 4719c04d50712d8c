import { GantryError } from '@gantry/common';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import { keep, util } from '../tfjs.js';

export interface WithVariables<T> {
  readonly value: T;
  /** For each variable the value that `fn` assigned to it (batch norm's moving statistics), or null. */
  readonly assigned: readonly (Tensor | null)[];
}

/**
 * Runs `fn` while `variables` have the values of `tensors`, and gives the variables their own values back afterwards,
 * also when `fn` throws. This is how the weights of a tfjs-layers model become inputs of a program: inside `fn`
 * `tf.variableGrads(loss, variables)` differentiates with respect to them. Works the same captured and eager.
 *
 * @param tensors of the variables' shapes and dtypes, in their order; they stay their owner's.
 * @returns what `fn` returned, and new tensors (tracked by the surrounding `tf.tidy`) for what it assigned
 * @throws GantryError GANTRY_MODEL_INVALID where numbers, shapes or dtypes differ
 *
 * @example
 * const weights = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
 * const { value } = withVariables(weights, tensors, () => tf.variableGrads(() => loss(model.apply(x)), weights));
 */
export function withVariables<T>(
  variables: readonly Variable[],
  tensors: readonly Tensor[],
  fn: () => T,
): WithVariables<T> {
  checkTensors(variables, tensors);
  // A clone is a second reference to the same data, so assigning to the variable cannot free it.
  const originals = variables.map((variable) => keep(variable.clone()));
  try {
    variables.forEach((variable, i) => void variable.assign(tensors[i]!));
    const value = fn();
    const assigned = variables.map((variable, i) => (variable.dataId === tensors[i]!.dataId ? null : variable.clone()));
    return { value, assigned };
  } finally {
    variables.forEach((variable, i) => {
      variable.assign(originals[i]!);
      originals[i]!.dispose();
    });
  }
}

function checkTensors(variables: readonly Variable[], tensors: readonly Tensor[]): void {
  if (variables.length !== tensors.length) {
    const message = `${variables.length} variables were given ${tensors.length} tensors`;
    throw new GantryError('GANTRY_MODEL_INVALID', message);
  }
  variables.forEach((variable, i) => {
    const { shape, dtype } = tensors[i]!;
    if (util.arraysEqual(shape, variable.shape) && dtype === variable.dtype) return;
    const message = `variable ${variable.name} is ${variable.dtype}[${variable.shape}], but was given ${dtype}[${shape}]`;
    throw new GantryError('GANTRY_MODEL_INVALID', message, { details: { variable: variable.name } });
  });
}
