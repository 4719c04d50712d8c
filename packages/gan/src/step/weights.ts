import { type NamedTensors, type TensorSpec, withVariables } from '@gantry/engine';
import { zeros } from '@gantry/engine/tfjs';
import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs-core';
import type { Network } from '../networks/network.js';

/** The program inputs that a network's weights are: `discriminator/dense_1/kernel` …, in layout order. */
export function weightInputs(network: Network): TensorSpec[] {
  return network.layout.entries.map(({ name, shape }) => ({
    name: `${network.name}/${name}`,
    shape,
    dtype: 'float32',
  }));
}

/** Runs `fn` with the networks' variables holding the program's inputs. */
export function withWeights<T>(networks: readonly Network[], inputs: NamedTensors, fn: () => T): T {
  const variables = networks.flatMap((network) => [...network.variables]);
  const tensors = networks.flatMap((network) => weightInputs(network).map(({ name }) => inputs[name]!));
  return withVariables(variables, tensors, fn).value;
}

/** Names gradients as a program puts them out. A weight that the loss does not depend on has the gradient zero. */
export function gradientOutputs(network: Network, gradients: NamedTensorMap): NamedTensors {
  const outputs: Record<string, Tensor> = {};
  network.layout.entries.forEach(({ name, shape }, i) => {
    const gradient = gradients[network.variables[i]!.name];
    outputs[`gradients/${network.name}/${name}`] = gradient ?? zeros([...shape]);
  });
  return outputs;
}
