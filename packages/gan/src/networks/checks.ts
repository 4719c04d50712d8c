import type { NetworkName } from '@gantry/common';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { invalidModel } from '../errors.js';
import { edgeLayers, layerPlace, layersOf } from './model-layers.js';

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
  for (const layer of layersOf(model)) checkLayer(layer, layerPlace(model, layer, network), network);
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
  const { first, last } = edgeLayers(model);
  checkShape(network, 'takes', inputs[0]!.shape, shapes.input, layerPlace(model, first, network));
  checkShape(network, 'gives', outputs[0]!.shape, shapes.output, layerPlace(model, last, network));
}

function checkShape(
  network: NetworkName,
  verb: 'takes' | 'gives',
  actual: readonly (number | null)[],
  expected: readonly number[],
  place: string,
): void {
  const [batch, ...rest] = actual;
  const fits = rest.length === expected.length && rest.every((size, i) => size === expected[i]);
  if (fits && (batch === null || batch === undefined)) return;
  throw invalidModel(
    `the ${network} ${verb} [${actual.map((size) => size ?? 'batch').join(', ')}] (${place}); expected ` +
      `[${['batch', ...expected].join(', ')}]${expectedBecause(network, verb)}.`,
    { network, layer: place },
  );
}

function expectedBecause(network: NetworkName, verb: 'takes' | 'gives'): string {
  if (network === 'generator') return verb === 'takes' ? ' (latent)' : ' (imageShape)';
  return verb === 'takes' ? ' (imageShape)' : ': one logit an image';
}

function checkLayer(layer: layers.Layer, place: string, network: NetworkName): void {
  if (RANDOM_LAYERS.has(layer.getClassName())) {
    throw invalidModel(
      `${place} draws random numbers, which is not supported yet: a step must be a pure function of its inputs. ` +
        'Remove the layer.',
      { network, layer: place },
    );
  }
  if ((layer as { stateful?: boolean }).stateful) {
    throw invalidModel(`${place} is stateful, which is not supported.`, { network, layer: place });
  }
}

/** A loss is a function of logits alone, so that a user cannot add what depends on weights there. */
function checkLosses(model: LayersModel, network: NetworkName): void {
  const layer = layersOf(model).find((candidate) => candidate.losses.length > 0);
  if (layer === undefined) return;
  const place = layerPlace(model, layer, network);
  throw invalidModel(
    `${place} has a regularizer, which Gantry does not add to the loss; a loss of your own sees logits only, no weights. ` +
      'Remove it. What holds the discriminator back is R1 (--r1-gamma).',
    { network, layer: place },
  );
}

function checkLastActivation(model: LayersModel, network: NetworkName): void {
  const last = layersOf(model).findLast((layer) => !SHAPE_LAYERS.has(layer.getClassName()));
  const activation = last?.getConfig().activation;
  if (last === undefined || typeof activation !== 'string') return;
  const place = layerPlace(model, last, network);
  if (network === 'discriminator' && activation === 'sigmoid') {
    throw invalidModel(`${place} ends the network in a sigmoid; the losses take logits. Leave the activation out.`, {
      network,
      layer: place,
    });
  }
  if (network === 'generator' && activation === 'tanh') {
    throw invalidModel(
      `${place} ends the network in tanh (−1…1); images are 0…1. Use a sigmoid, or rescale after it.`,
      { network, layer: place },
    );
  }
}
