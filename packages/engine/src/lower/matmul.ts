/** Kernels that tfjs names in `_FusedMatMul.activation`. */
export const FUSED_ACTIVATIONS: Readonly<Record<string, string>> = {
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  relu: 'Relu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
};

/** The bias and the slopes of a prelu are both optional; the activation says which a lone third input is. */
export function fusedOperands<T>(
  inputs: readonly T[],
  activation: unknown,
): { bias: T | undefined; slopes: T | undefined } {
  const rest = inputs.slice(2);
  const slopes = activation === 'prelu' ? rest.pop() : undefined;
  return { bias: rest[0], slopes };
}
