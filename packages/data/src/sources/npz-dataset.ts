import { existsSync, statSync } from 'node:fs';
import { GantryError } from '@gantry/common';
import { invalidFile, readBytes } from '../data-file.js';
import { checkLabels, inferClasses } from '../labels.js';
import { type NpyArray, parseNpy } from '../npy/npy.js';
import { openNpz } from '../npy/npz.js';
import { float32Values, smallWholeValues, uint8Values } from '../npy/values.js';
import { createMemorySource, type DataSource, type Split } from '../source.js';
import { bytesOf } from '../values.js';

/** Names under which images and labels are looked for, pair by pair, where the user says none. */
const NAMES: Readonly<Record<Split, readonly (readonly [images: string, labels: string | null])[]>> = {
  train: [
    ['images', 'labels'],
    ['x_train', 'y_train'],
    ['train_images', 'train_labels'],
    ['x', 'y'],
    ['X', 'y'],
    ['data', 'labels'],
    ['arr_0', null],
  ],
  test: [
    ['x_test', 'y_test'],
    ['test_images', 'test_labels'],
  ],
};
const CHANNELS_LIKELY_MAX = 4;

type Options = Readonly<Record<string, string>>;

interface Arrays {
  readonly images: NpyArray;
  readonly labels: NpyArray | null;
}

/**
 * Arrays that NumPy saved: images [N, H, W] or [N, H, W, C], or rows of features [N, F], of uint8 or float32; labels [N] of whole
 * numbers, where there are any.
 * @param options `images`, `labels`: names of arrays; `range`: what of floats becomes 0…1
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_DATASET_INVALID
 */
export async function openNpzDataset(path: string, options: Options, split: Split): Promise<DataSource> {
  checkNpz(path);
  return readNpzDataset(path, readBytes(path), options, split);
}

/** The data set in the bytes of a file; `path` is for messages. */
export async function readNpzDataset(path: string, bytes: Buffer, options: Options, split: Split): Promise<DataSource> {
  const { images, labels } = await readArrays(path, bytes, options, split);
  const sampleShape = sampleShapeOf(images);
  const about = { id: `${path} (${split})`, sampleShape, ...labelsOf(labels, images.shape[0]!) };
  if (images.type === 'uint8') {
    if (options.range !== undefined) {
      throw invalidFile(
        images.path,
        null,
        'floats, as there is a range',
        'uint8, of which 0…255 is 0…1: leave range out',
      );
    }
    return createMemorySource({ ...about, pixels: uint8Values(images) });
  }
  const range = rangeOf(options);
  const floats = scaled(images, float32Values(images), range);
  const conversion = range === null ? null : { source: 'npz', range };
  return createMemorySource({ ...about, values: 'float32', pixels: bytesOf(floats), conversion });
}

/** @throws GantryError GANTRY_DATASET_NOT_FOUND */
export function checkNpz(path: string): void {
  if (!existsSync(path)) throw notFound(path, `${path} does not exist`);
  if (statSync(path).isDirectory()) throw notFound(path, `${path} is a folder; npz: takes a .npz or .npy file`);
}

function notFound(path: string, message: string): GantryError {
  return new GantryError('GANTRY_DATASET_NOT_FOUND', message, { details: { file: path } });
}

async function readArrays(path: string, bytes: Buffer, options: Options, split: Split): Promise<Arrays> {
  // A zip archive begins with PK; everything else is refused as no .npy file.
  if (bytes.toString('latin1', 0, 2) !== 'PK')
    return { images: singleArray(path, bytes, options, split), labels: null };
  const file = await openNpz(path, bytes);
  const { images, labels } = chooseNames(path, file.names, options, split);
  const read = async (name: string) => parseNpy(`${path} (${name}.npy)`, await file.read(name));
  return { images: await read(images), labels: labels === null ? null : await read(labels) };
}

function singleArray(path: string, bytes: Buffer, options: Options, split: Split): NpyArray {
  if (split === 'test')
    throw notFound(path, `${path} is one array and has no test split; x_test in a .npz file is one`);
  const named = ['images', 'labels'].find((key) => options[key] !== undefined);
  const array = parseNpy(path, bytes);
  if (named === undefined) return array;
  throw invalidFile(
    path,
    null,
    `a .npz file, as there is ${named}=${options[named]}`,
    'a .npy file, which has one array',
  );
}

function chooseNames(
  path: string,
  names: readonly string[],
  options: Options,
  split: Split,
): { images: string; labels: string | null } {
  const has = (name: string | null | undefined): name is string => typeof name === 'string' && names.includes(name);
  for (const key of ['images', 'labels'] as const) {
    if (options[key] !== undefined && !has(options[key])) throw noArray(path, names, `${key}=${options[key]}`);
  }
  const pair = NAMES[split].find(([images]) =>
    options.images === undefined ? has(images) : images === options.images,
  );
  const alone = names.length === 1 && split === 'train' ? names[0] : undefined;
  const images = options.images ?? pair?.[0] ?? alone;
  if (images === undefined) {
    const wanted = NAMES[split].map(([name]) => name).join(', ');
    throw noArray(
      path,
      names,
      `${split} images under a name that is known (${wanted})`,
      '; write npz:PATH?images=NAME',
    );
  }
  return { images, labels: options.labels ?? (has(pair?.[1]) ? pair[1] : null) };
}

function noArray(path: string, names: readonly string[], wanted: string, remedy = ''): GantryError {
  const shown = `${names.slice(0, 20).join(', ').slice(0, 400)}${names.length > 20 ? ' …' : ''}`;
  return invalidFile(path, null, wanted, `the ${names.length === 1 ? 'array' : 'arrays'} ${shown}${remedy}`);
}

function sampleShapeOf(images: NpyArray): [number, number, number] {
  const { path, type, shape, headerBytes } = images;
  const shown = `[${shape.join(', ')}] of ${type}`;
  if (type !== 'uint8' && type !== 'float32') {
    const remedy = type.startsWith('float') ? ': save x.astype(numpy.float32)' : ': save x.astype(numpy.uint8)';
    throw invalidFile(path, headerBytes, 'uint8 or float32', `${shown}${remedy}`);
  }
  const [, first, second, third] = shape;
  if (shape.length === 2) return [1, first!, 1];
  if (shape.length === 3) return [first!, second!, 1];
  if (shape.length !== 4) throw invalidFile(path, headerBytes, '[N, H, W], [N, H, W, C] or [N, F]', shown);
  if (third! > CHANNELS_LIKELY_MAX && first! <= CHANNELS_LIKELY_MAX && second! > CHANNELS_LIKELY_MAX) {
    const remedy = 'channels first? Save numpy.transpose(x, (0, 2, 3, 1))';
    throw invalidFile(path, headerBytes, '[N, H, W, C], the channels last', `${shown}: ${remedy}`);
  }
  return [first!, second!, third!];
}

function labelsOf(labels: NpyArray | null, count: number): Pick<DataSource, 'classes' | 'labels'> {
  if (labels === null) return { classes: 0, labels: null };
  const { path, shape, type, kind, headerBytes, itemBytes } = labels;
  const shown = `[${shape.join(', ')}] of ${type}`;
  const isColumn = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  if (!isColumn || kind === 'f') throw invalidFile(path, headerBytes, 'labels [N] of whole numbers', shown);
  if (shape[0] !== count) throw invalidFile(path, headerBytes, `${count} labels, one for each sample`, `${shape[0]}`);
  const data = smallWholeValues(labels);
  const array = { path, shape: [count], data, headerBytes, itemBytes };
  const classes = inferClasses(array);
  checkLabels(array, count, classes);
  return { classes, labels: data };
}

function rangeOf({ range }: Options): [low: number, high: number] | null {
  if (range === undefined) return null;
  const [low, high] = range.split(',').map(Number) as [number, number];
  if (low < high && Number.isFinite(high - low)) return [low, high];
  throw new GantryError('GANTRY_DATASET_INVALID', `range=${range}: expected LOW,HIGH with LOW below HIGH`);
}

/** Floats as 0…1: a range that the user gave is mapped to it, in float64; without one they have to be there already. */
function scaled(array: NpyArray, values: Float32Array, range: readonly [number, number] | null): Float32Array {
  const [low, high] = range ?? [0, 1];
  const out = range === null ? values : new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // Written so that NaN is refused too.
    if (!(value >= Math.fround(low) && value <= Math.fround(high))) throw outOfRange(array, values, i, [low, high]);
    if (range !== null) out[i] = Math.min(1, Math.max(0, (value - low) / (high - low)));
  }
  return out;
}

/** Says what range would take all values. `index` counts values as they are read, whatever their order in the file. */
function outOfRange(array: NpyArray, values: Float32Array, index: number, [low, high]: readonly [number, number]) {
  const size = values.length / array.shape[0]!;
  const place = `${array.path}: sample ${Math.floor(index / size)}, value ${index % size}`;
  const [least, most] = values.reduce(
    ([a, b], value) => [Math.min(a, value), Math.max(b, value)],
    [Infinity, -Infinity],
  );
  const remedy = Number.isFinite(most - least)
    ? `the values are ${least} to ${most}: write npz:PATH?range=${wholeIfClose(least, -1)},${wholeIfClose(most, 1)}`
    : 'values that are no finite numbers cannot be trained on';
  return new GantryError(
    'GANTRY_DATASET_INVALID',
    `${place}: expected a value of ${low} to ${high}, found ${values[index]}; ${remedy}`,
    { details: { file: array.path, sample: Math.floor(index / size), found: String(values[index]) } },
  );
}

/** −0.998 is the beginning of −1…1, 254.2 the end of 0…255. */
function wholeIfClose(value: number, direction: number): number {
  const whole = direction < 0 ? Math.floor(value) : Math.ceil(value);
  return Math.abs(whole - value) <= 0.05 * Math.max(1, Math.abs(value)) ? whole : value;
}
