import type { NetworkName } from '@gantry/common';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { invalidModel } from '../errors.js';
import { layersOf } from './weights.js';

/** Layers that draw random numbers while training; a Gantry program has none, so they would silently do nothing right. */
const RANDOM_LAYERS = new Set(['Dropout', 'SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout']);
/** Layers that only move numbers about, so that the activation before them is the last one. */
const SHAPE_LAYERS = new Set(['Reshape', 'Flatten', 'Permute', 'InputLayer']);

/** What a network must take and give, without the batch. */
export interface NetworkShapes {
  readonly input: readonly number[];
  readonly output: readonly number[];
}

/**
 * Checks that a user's model is what Gantry can train.
 * @throws GantryError GANTRY_MODEL_INVALID naming network and layer, what is there and what was expected
 */
export function checkModel(model: unknown, network: NetworkName, shapes: NetworkShapes): asserts model is LayersModel {
  if (!isLayersModel(model)) {
    throw invalidModel(
      `${network}() must return a tfjs-layers model (tf.sequential or tf.model); it returned ${describe(model)}.`,
      { network },
    );
  }
  checkEdges(model, network, shapes);
  for (const layer of layersOf(model)) checkLayer(layer, network);
  checkLosses(model, network);
  checkLastActivation(model, network);
}

function isLayersModel(model: unknown): model is LayersModel {
  const candidate = model as Partial<LayersModel> | null;
  return typeof candidate === 'object' && typeof candidate?.apply === 'function' && Array.isArray(candidate.layers);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? `an object of class ${value.constructor?.name ?? 'unknown'}` : `a ${typeof value}`;
}

function checkEdges(model: LayersModel, network: NetworkName, shapes: NetworkShapes): void {
  const { inputs, outputs } = model;
  if (!inputs || !outputs) {
    throw invalidModel(`the ${network} has no input shape: give its first layer an inputShape.`, { network });
  }
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw invalidModel(
      `the ${network} has ${inputs.length} inputs and ${outputs.length} outputs; it must have one of each.`,
      { network },
    );
  }
  checkShape(network, 'takes', inputs[0]!.shape, shapes.input, model.layers[0]!.name);
  checkShape(network, 'gives', outputs[0]!.shape, shapes.output, model.layers.at(-1)!.name);
}

function checkShape(
  network: NetworkName,
  verb: 'takes' | 'gives',
  actual: readonly (number | null)[],
  expected: readonly number[],
  layer: string,
): void {
  const [batch, ...rest] = actual;
  const fits = rest.length === expected.length && rest.every((size, i) => size === expected[i]);
  if (fits && (batch === null || batch === undefined)) return;
  throw invalidModel(
    `the ${network} ${verb} [${actual.map((size) => size ?? 'batch').join(', ')}] at its layer ${layer}; expected ` +
      `[${['batch', ...expected].join(', ')}]${expectedBecause(network, verb)}.`,
    { network, layer },
  );
}

function expectedBecause(network: NetworkName, verb: 'takes' | 'gives'): string {
  if (network === 'generator') return verb === 'takes' ? ' (latent)' : ' (imageShape)';
  return verb === 'takes' ? ' (imageShape)' : ': one logit an image';
}

function checkLayer(layer: layers.Layer, network: NetworkName): void {
  const kind = layer.getClassName();
  if (RANDOM_LAYERS.has(kind)) {
    throw invalidModel(
      `the ${network}'s layer ${layer.name} (${kind}) draws random numbers, which is not supported yet: a step must be a ` +
        'pure function of its inputs. Remove the layer.',
      { network, layer: layer.name },
    );
  }
  if ((layer as { stateful?: boolean }).stateful) {
    throw invalidModel(`the ${network}'s layer ${layer.name} (${kind}) is stateful, which is not supported.`, {
      network,
      layer: layer.name,
    });
  }
}

function checkLosses(model: LayersModel, network: NetworkName): void {
  const layer = layersOf(model).find((candidate) => candidate.losses.length > 0);
  if (layer === undefined) return;
  throw invalidModel(
    `the ${network}'s layer ${layer.name} has a regularizer, which Gantry does not add to the loss. Remove it, or add its ` +
      'term to a loss of your own.',
    { network, layer: layer.name },
  );
}

function checkLastActivation(model: LayersModel, network: NetworkName): void {
  const last = layersOf(model).findLast((layer) => !SHAPE_LAYERS.has(layer.getClassName()));
  const activation = last?.getConfig().activation;
  if (last === undefined || typeof activation !== 'string') return;
  if (network === 'discriminator' && activation === 'sigmoid') {
    throw invalidModel(
      `the discriminator's last layer ${last.name} ends in a sigmoid; the losses take logits. Leave the activation out.`,
      { network, layer: last.name },
    );
  }
  if (network === 'generator' && activation === 'tanh') {
    throw invalidModel(
      `the generator's last layer ${last.name} ends in tanh (−1…1); images are 0…1. Use a sigmoid, or rescale after it.`,
      { network, layer: last.name },
    );
  }
}
