import type { NetworkName } from '@gantry/common';
import type { Variable } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { invalidModel } from '../errors.js';
import { hasOwnName, layerPlace, layersOf } from './model-layers.js';

type Layer = layers.Layer;
type LayerVariable = Layer['weights'][number];

/** One trainable tensor of a network: a name that is the same in every process, and the variable that holds it. */
export interface NamedWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly variable: Variable;
}

const SAFE_NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * Names every trainable weight by its layer and its place: `dense_1/kernel` is the kernel of the first dense layer that has
 * no name of its own. tfjs's own names count over everything that was ever built in the process.
 *
 * @throws GantryError GANTRY_MODEL_INVALID for weights that training would not update, naming the layer
 */
export function nameWeights(model: LayersModel, network: NetworkName): NamedWeight[] {
  const counts = new Map<string, number>();
  const taken = new Set<string>();
  const seen = new Set<Variable>();
  const named: NamedWeight[] = [];
  for (const layer of layersOf(model)) {
    if (layer.weights.length === 0) continue;
    const layerName = stableLayerName(layer, counts);
    refuseUntrainable(layer, layerPlace(model, layer, network), network);
    for (const weight of layer.trainableWeights) {
      const variable = weight.read() as Variable;
      if (seen.has(variable)) continue;
      seen.add(variable);
      named.push({ name: uniqueName(`${layerName}/${weightName(weight)}`, taken), shape: variable.shape, variable });
    }
  }
  return named;
}

function stableLayerName(layer: Layer, counts: Map<string, number>): string {
  if (hasOwnName(layer) && SAFE_NAME.test(layer.name)) return layer.name;
  const kind = snakeCase(layer.getClassName());
  const count = (counts.get(kind) ?? 0) + 1;
  counts.set(kind, count);
  return `${kind}_${count}`;
}

function snakeCase(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

/** `kernel` of `dense_Dense1/kernel`. */
function weightName(weight: LayerVariable): string {
  const last = weight.originalName.split('/').at(-1) ?? '';
  return SAFE_NAME.test(last) ? last : 'weight';
}

function uniqueName(name: string, taken: Set<string>): string {
  let unique = name;
  for (let i = 2; taken.has(unique); i++) unique = `${name}_${i}`;
  taken.add(unique);
  return unique;
}

function refuseUntrainable(layer: Layer, place: string, network: NetworkName): void {
  if (layer.nonTrainableWeights.length > 0) {
    const weight = weightName(layer.nonTrainableWeights[0]!);
    throw invalidModel(
      `${place} has the weight ${weight}, which training does not ` +
        'update. Frozen layers and running statistics (batch normalization) are not supported yet: use trainable layers ' +
        'only.',
      { network, layer: place },
    );
  }
  const constrained = layer.trainableWeights.find((weight) => weight.constraint != null);
  if (constrained === undefined) return;
  throw invalidModel(
    `${place} has a constraint on ${weightName(constrained)}, which Gantry's optimizer would ` +
      'not apply. Remove the constraint.',
    { network, layer: place },
  );
}
