import { resolve } from 'node:path';
import { GantryError } from '@gantry/common';
import type { DataSource, Split } from './source.js';
import { checkFashionMnist, openFashionMnist } from './sources/fashion-mnist.js';
import { findIdxFiles, readIdxDataset } from './sources/idx-dataset.js';
import { findMnist, openMnist } from './sources/mnist.js';

/** Names that {@link openDataset} knows, for help and messages. */
export const DATASET_NAMES = ['mnist', 'fashion-mnist', 'idx:PATH'] as const;

export interface OpenDatasetOptions {
  /** @default 'train' */
  readonly split?: Split;
}

/**
 * Opens a data set by name and checks it whole: `mnist`, `fashion-mnist` or `idx:PATH`.
 *
 * @example const digits = await openDataset('mnist', { split: 'test' });
 * @throws GantryError GANTRY_DATASET_NOT_FOUND (saying what to install or which file is missing), GANTRY_DATASET_INVALID
 * (naming file, byte offset, expected and found)
 */
export async function openDataset(name: string, options: OpenDatasetOptions = {}): Promise<DataSource> {
  const split = options.split ?? 'train';
  if (name === 'mnist') return openMnist(split);
  if (name === 'fashion-mnist') return openFashionMnist(split);
  const path = idxPath(name);
  if (path !== null) {
    const files = findIdxFiles(path, split);
    return readIdxDataset(`${files.images} (${split})`, files);
  }
  throw unknownDataset(name);
}

/**
 * Whether a data set is there, without reading it: for whoever starts processes that will.
 *
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, as {@link openDataset} would
 */
export function checkDataset(name: string, options: OpenDatasetOptions = {}): void {
  const path = idxPath(name);
  if (name === 'mnist') findMnist();
  else if (name === 'fashion-mnist') checkFashionMnist();
  else if (path !== null) findIdxFiles(path, options.split ?? 'train');
  else throw unknownDataset(name);
}

/** What follows `idx:`; null: no such name. */
function idxPath(name: string): string | null {
  return name.startsWith('idx:') && name.length > 'idx:'.length ? resolve(name.slice('idx:'.length)) : null;
}

function unknownDataset(name: string): GantryError {
  const message = `no data set ${JSON.stringify(name)}; expected one of ${DATASET_NAMES.join(', ')}`;
  return new GantryError('GANTRY_DATASET_NOT_FOUND', message, { details: { dataset: name } });
}
