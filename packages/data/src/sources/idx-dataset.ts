import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { GantryError } from '@gantry/common';
import { invalidFile } from '../data-file.js';
import { readIdx } from '../idx.js';
import { checkLabels, inferClasses } from '../labels.js';
import type { Conversion } from '../manifest.js';
import { createMemorySource, type DataSource, type Split } from '../source.js';

/** How files of a split begin. */
const PREFIXES: Readonly<Record<Split, readonly string[]>> = { train: ['train'], test: ['t10k', 'test'] };
/** Endings of image files, in the order in which they are looked for; labels have `idx1`. */
const ENDINGS = ['-idx3-ubyte', '.idx3-ubyte', '-idx4-ubyte', '.idx4-ubyte', '.idx'];

export interface IdxFiles {
  readonly images: string;
  readonly labels: string | null;
}

/**
 * Images (and labels, if any) as a data source: images of 3 dimensions [count, height, width] or 4 [count, height, width, channels].
 * @param about.classes number of classes where it is known; else it is inferred from the labels
 * @param about.conversion how the files were made
 * @throws GantryError GANTRY_DATASET_INVALID naming file, byte offset, expected and found
 */
export function readIdxDataset(
  id: string,
  files: IdxFiles,
  { classes, conversion = null }: { readonly classes?: number; readonly conversion?: Conversion | null } = {},
): DataSource {
  const images = readIdx(files.images, [3, 4]);
  const [count, height, width, channels = 1] = images.shape as [number, number, number, number?];
  const labels = files.labels === null ? null : readIdx(files.labels, [1]);
  if (labels !== null) checkLabels(labels, count, classes ?? inferClasses(labels));
  return createMemorySource({
    id,
    sampleShape: [height, width, channels],
    classes: labels === null ? 0 : (classes ?? inferClasses(labels)),
    labels: labels?.data ?? null,
    pixels: images.data,
    conversion,
  });
}

/** @throws GantryError GANTRY_DATASET_INVALID if samples are not of that shape */
export function requireShape(source: DataSource, path: string, shape: readonly number[]): DataSource {
  if (source.sampleShape.join() === shape.join()) return source;
  throw invalidFile(path, 8, `samples of shape [${shape.join(', ')}]`, `[${source.sampleShape.join(', ')}]`);
}

/**
 * Finds the files that `idx:PATH` means: a folder with MNIST's naming (`train-images-idx3-ubyte`, `t10k-…`, `.gz` or not), or one
 * images file, with its labels beside it where there are any.
 * @throws GantryError GANTRY_DATASET_NOT_FOUND
 */
export function findIdxFiles(path: string, split: Split): IdxFiles {
  if (!existsSync(path)) throw notFound(path, `${path} does not exist`);
  if (statSync(path).isDirectory()) return findInFolder(path, split);
  if (split === 'train') return { images: path, labels: findLabels(path) };
  throw notFound(
    path,
    `${path} is one file and has no ${split} split; give the folder that holds it, with both splits`,
  );
}

function notFound(path: string, message: string): GantryError {
  return new GantryError('GANTRY_DATASET_NOT_FOUND', message, { details: { file: path } });
}

function findInFolder(folder: string, split: Split): IdxFiles {
  for (const prefix of PREFIXES[split]) {
    for (const ending of ENDINGS) {
      const images = firstExisting(join(folder, `${prefix}-images${ending}`));
      if (images !== null) return { images, labels: findLabels(images) };
    }
  }
  const name = `${PREFIXES[split][0]}-images-idx3-ubyte`;
  throw notFound(
    folder,
    `${folder} holds no ${split} images: expected a file ${name} or ${name}.gz (or idx4 for colour)`,
  );
}

function firstExisting(path: string): string | null {
  return [path, `${path}.gz`].find((candidate) => existsSync(candidate)) ?? null;
}

/** `train-images-idx3-ubyte.gz` has its labels in `train-labels-idx1-ubyte`, gzipped or not; null if there are none. */
function findLabels(images: string): string | null {
  const name = basename(images).replace(/\.gz$/, '');
  const labels = name.replace('images', 'labels').replace(/idx[34]/, 'idx1');
  return labels === name ? null : firstExisting(join(dirname(images), labels));
}
