import { createLayout, GantryError, type Layout, type NetworkName } from '@gantry/common';
import { engine, tidy } from '@gantry/engine/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { GanDefinition } from '../definition.js';
import { invalidModel, messageOf } from '../errors.js';
import { checkModel, type NetworkShapes } from './checks.js';
import { onCpuBackend } from './cpu-backend.js';
import { withSeededRandom } from './seeded-random.js';
import { type NamedWeight, nameWeights } from './weights.js';

/** A user's model, with its weights laid out in one flat vector. */
export interface Network {
  readonly name: NetworkName;
  readonly layout: Layout;
  /** One a layout entry, in that order. */
  readonly variables: readonly Variable[];
  /** Initial weights by layout, padding zero: a pure function of definition and seed. */
  readonly initial: Float32Array;
  /** Applies the model with whatever its variables hold: [b, …] → [b, …]. */
  apply(input: Tensor, options: { training: boolean }): Tensor;
}

/**
 * Builds one network of a definition, deterministically: same definition and seed, same names, layout and initial weights,
 * in any process, whatever was built before.
 *
 * @throws GantryError GANTRY_MODEL_INVALID naming the network and the layer
 */
export function buildNetwork(definition: GanDefinition, name: NetworkName, seed: number): Network {
  return onCpuBackend(() => {
    const before = new Set<unknown>(Object.values(engine().registeredVariables));
    const model = withSeededRandom(seed, name, () => callBuilder(definition, name));
    checkModel(model, name, shapesOf(definition, name));
    const weights = nameWeights(model, name);
    if (weights.some(({ variable }) => before.has(variable))) throw builtBefore(name);
    if (weights.length === 0) throw invalidModel(`the ${name} has no weights to train.`, { network: name });
    const layout = createLayout(weights);
    return {
      name,
      layout,
      variables: weights.map((weight) => weight.variable),
      initial: readInitial(weights, layout, name),
      apply: (input, { training }) => tidy(() => model.apply(input, { training }) as Tensor),
    };
  });
}

/** Its initial weights were drawn when the file was loaded, by no seed: each process would begin with others. */
function builtBefore(network: NetworkName): GantryError {
  return invalidModel(
    `${network}() returns a model, or layers, that were built before it was called; build them inside of ${network}(), ` +
      "so that their initial weights follow the run's seed.",
    { network },
  );
}

function shapesOf(definition: GanDefinition, name: NetworkName): NetworkShapes {
  return name === 'generator'
    ? { input: [definition.latent], output: definition.imageShape }
    : { input: definition.imageShape, output: [1] };
}

/** tfjs draws a layer's weights when the layer gets its input shape, so a deferred Sequential is still deterministic. */
function callBuilder(definition: GanDefinition, name: NetworkName): LayersModel {
  try {
    return definition[name]();
  } catch (error) {
    if (error instanceof GantryError) throw error;
    throw invalidModel(`${name}() of ${definition.name} failed: ${messageOf(error)}`, { network: name }, error);
  }
}

function readInitial(weights: readonly NamedWeight[], layout: Layout, network: NetworkName): Float32Array {
  const flat = new Float32Array(layout.length);
  weights.forEach(({ name, variable }, i) => {
    const values = variable.dataSync();
    if (variable.dtype !== 'float32' || !values.every(Number.isFinite)) {
      throw invalidModel(`the ${network}'s initial ${name} is not of finite float32 numbers.`, {
        network,
        tensor: name,
      });
    }
    flat.set(values, layout.entries[i]!.offset);
  });
  return flat;
}
