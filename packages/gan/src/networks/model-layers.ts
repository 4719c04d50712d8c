import type { NetworkName } from '@gantry/common';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';

type Layer = layers.Layer;

/** What tfjs calls a layer that the user has not named: `dense_Dense1`, numbered over the whole process. */
const AUTOMATIC_NAME = /^[a-z0-9_]+_([A-Z]\w*?)\d+$/;
/** What tells layers of one kind apart, the first that a layer has. */
const TELLING = ['units', 'filters', 'targetShape', 'rate'] as const;

/** The layers of a model, those of nested models in their place, each once. */
export function layersOf(model: LayersModel): Layer[] {
  const found = new Set<Layer>();
  for (const layer of model.layers) {
    if (isModel(layer)) for (const inner of layersOf(layer)) found.add(inner);
    else found.add(layer);
  }
  return [...found];
}

function isModel(layer: Layer): layer is LayersModel & Layer {
  return Array.isArray((layer as { layers?: unknown }).layers) && layer.getClassName() !== 'Bidirectional';
}

/** Whether the user named it. */
export function hasOwnName(layer: Layer): boolean {
  return !AUTOMATIC_NAME.test(layer.name);
}

/**
 * A layer as its author finds it in the file: `generator layer 2 (Dense, units 256)`. Counted from 1, without the inputs of
 * functional models.
 */
export function layerPlace(model: LayersModel, layer: Layer, network: NetworkName): string {
  const position = layersOf(model).filter(isNoInput).indexOf(layer) + 1;
  const config = layer.getConfig();
  const telling = TELLING.find((key) => config[key] !== undefined && config[key] !== null);
  const about = [layer.getClassName(), ...(telling === undefined ? [] : [`${telling} ${shown(config[telling])}`])];
  const name = hasOwnName(layer) ? ` "${layer.name}"` : '';
  return `${network} layer ${position}${name} (${about.join(', ')})`;
}

function isNoInput(layer: Layer): boolean {
  return layer.getClassName() !== 'InputLayer';
}

function shown(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The layers at which images or noise come in, and the result goes out. */
export function edgeLayers(model: LayersModel): { readonly first: Layer; readonly last: Layer } {
  const all = layersOf(model);
  return { first: all.find(isNoInput) ?? all[0]!, last: all.at(-1)! };
}
