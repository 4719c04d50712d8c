import { statSync } from 'node:fs';
import { openIdxSource } from '../file-source.js';
import { type ConvertedFolder, convertFolder } from '../folder/convert.js';
import { DECODER } from '../folder/decode.js';
import { askedForm } from '../folder/image-form.js';
import { type ImageList, listImages } from '../folder/list-images.js';
import { readIdx } from '../idx.js';
import type { OnProgress } from '../progress.js';
import type { DataSource, Split } from '../source.js';
import { readIdxDataset } from './idx-dataset.js';
import { noTestSplit } from './splits.js';

export interface FolderDatasetOptions {
  /** `size`, `channels`, `fit`, `filter`. */
  readonly options: Readonly<Record<string, string>>;
  readonly split: Split;
  readonly cacheDirectory: string;
  readonly onProgress: OnProgress;
  /** Larger sets are read from the cache as they are needed. @default 1 GiB */
  readonly memoryBytesMax?: number;
}

/** Every worker holds its own copy of what it holds in memory. */
const MEMORY_BYTES_MAX = 2 ** 30;

/**
 * Images of a folder, a class for each sub-folder, of one size: as they are where all have it, else resized as the options say.
 * They are decoded once, into the cache.
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_DATASET_INVALID, GANTRY_DISK_FULL, GANTRY_FILE_FAILED
 */
export async function openFolderDataset(folder: string, how: FolderDatasetOptions): Promise<DataSource> {
  const { classes, ...files } = await convertFolderDataset(folder, how);
  const about = { classes: classes.length, conversion: files.conversion };
  const id = `${folder} (${how.split})`;
  const { memoryBytesMax = MEMORY_BYTES_MAX } = how;
  if (statSync(files.images).size <= memoryBytesMax) return readIdxDataset(id, files, about);
  return openIdxSource(files.images, { id, labels: readLabels(files.labels), ...about });
}

/** Puts the images into the cache, where they are not there yet. @throws GantryError as {@link openFolderDataset} does */
export async function convertFolderDataset(
  folder: string,
  { options, split, cacheDirectory, onProgress }: FolderDatasetOptions,
): Promise<ConvertedFolder & Pick<ImageList, 'classes'>> {
  if (split === 'test') throw noTestSplit(folder, 'folder');
  const list = listImages(folder);
  const converted = await convertFolder(list, { folder, asked: askedForm(options), cacheDirectory, onProgress });
  return { ...converted, classes: list.classes };
}

function readLabels(path: string | null): Uint8Array | null {
  return path === null ? null : readIdx(path, [1]).data;
}

export { DECODER };
