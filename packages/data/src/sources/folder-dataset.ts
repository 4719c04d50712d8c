import { type ConvertedFolder, convertFolder } from '../folder/convert.js';
import { askedForm } from '../folder/image-form.js';
import { type ImageList, listImages } from '../folder/list-images.js';
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
}

/**
 * Images of a folder, a class for each sub-folder, of one size: as they are where all have it, else resized as the options say.
 * They are decoded once, into the cache.
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_DATASET_INVALID, GANTRY_DISK_FULL, GANTRY_FILE_FAILED
 */
export async function openFolderDataset(folder: string, how: FolderDatasetOptions): Promise<DataSource> {
  const { classes, ...files } = await convertFolderDataset(folder, how);
  return readIdxDataset(`${folder} (${how.split})`, files, { classes: classes.length, conversion: files.conversion });
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
