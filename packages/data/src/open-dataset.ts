import { DATASET_FORMS, type DatasetName, GantryError, parseDatasetName, resolveDatasetName } from '@gantry/common';
import { defaultCacheDirectory } from './cache.js';
import type { OnProgress } from './progress.js';
import type { DataSource, Split } from './source.js';
import { checkFashionMnist, openFashionMnist } from './sources/fashion-mnist.js';
import { findIdxFiles, readIdxDataset } from './sources/idx-dataset.js';
import { findMnist, openMnist } from './sources/mnist.js';

export interface OpenDatasetOptions {
  /** @default 'train' */
  readonly split?: Split;
  /** Folder of what was converted. @default $XDG_CACHE_HOME/gantry or ~/.cache/gantry */
  readonly cacheDirectory?: string;
  /** Called while a folder of images is converted. */
  readonly onProgress?: OnProgress;
}

/**
 * Opens a data set by name and checks it whole: `mnist`, `fashion-mnist`, `idx:PATH`, `folder:PATH`, `npz:PATH` or `csv:PATH`,
 * the last three with options behind a `?`.
 *
 * @example const digits = await openDataset('mnist', { split: 'test' });
 * @example const faces = await openDataset('folder:faces?size=32&channels=3');
 * @throws GantryError GANTRY_DATASET_NOT_FOUND (saying what to install or which file is missing), GANTRY_DATASET_INVALID
 * (naming the file, the place in it, expected and found), GANTRY_CONFIG_INVALID (a schema of columns), GANTRY_DISK_FULL and
 * GANTRY_FILE_FAILED (the cache)
 */
export async function openDataset(name: string, options: OpenDatasetOptions = {}): Promise<DataSource> {
  const { split, cacheDirectory, onProgress } = withDefaults(options);
  const parsed = parsedName(name);
  switch (parsed.kind) {
    case 'mnist':
      return openMnist(split);
    case 'fashion-mnist':
      return openFashionMnist(split, { cacheDirectory });
    case 'idx': {
      const files = findIdxFiles(parsed.path, split);
      return readIdxDataset(`${files.images} (${split})`, files);
    }
    // What these are read with is loaded where they are.
    case 'folder': {
      const { openFolderDataset } = await loadFolders();
      return openFolderDataset(parsed.path, { options: parsed.options, split, cacheDirectory, onProgress });
    }
    case 'npz': {
      const { openNpzDataset } = await import('./sources/npz-dataset.js');
      return openNpzDataset(parsed.path, parsed.options, split);
    }
    case 'csv': {
      const { openCsvDataset } = await import('./sources/csv-dataset.js');
      return openCsvDataset(parsed.path, parsed.options, split);
    }
  }
}

/**
 * Makes a data set ready for processes that will open it: looks whether it is there, converts a folder of images, and refuses
 * a table whose columns nobody has described. What can be looked into only by reading everything is left to {@link openDataset}.
 *
 * @throws GantryError as {@link openDataset} would
 */
export async function prepareDataset(name: string, options: OpenDatasetOptions = {}): Promise<void> {
  const { split, cacheDirectory, onProgress } = withDefaults(options);
  const parsed = parsedName(name);
  switch (parsed.kind) {
    case 'mnist':
      findMnist();
      return;
    case 'fashion-mnist':
      checkFashionMnist({ cacheDirectory });
      return;
    case 'idx':
      findIdxFiles(parsed.path, split);
      return;
    case 'folder': {
      const { convertFolderDataset } = await loadFolders();
      await convertFolderDataset(parsed.path, { options: parsed.options, split, cacheDirectory, onProgress });
      return;
    }
    case 'npz':
      (await import('./sources/npz-dataset.js')).checkNpz(parsed.path);
      return;
    case 'csv':
      await (await import('./sources/csv-dataset.js')).checkCsv(parsed.path, parsed.options);
      return;
  }
}

/**
 * What decodes and resizes images on this machine: `sharp 0.35.5, libvips 8.18.7`.
 * @throws GantryError GANTRY_DATASET_NOT_FOUND where it cannot be loaded
 */
export async function imageDecoder(): Promise<string> {
  return (await loadFolders()).DECODER;
}

/** sharp's native part comes as an optional package for each platform, which an install may have left out. */
async function loadFolders() {
  try {
    return await import('./sources/folder-dataset.js');
  } catch (cause) {
    const message = `images are read with the npm package sharp, which cannot be loaded here: ${(cause as Error).message}`;
    throw new GantryError('GANTRY_DATASET_NOT_FOUND', message, { cause, details: { package: 'sharp' } });
  }
}

function withDefaults(options: OpenDatasetOptions): Required<OpenDatasetOptions> {
  return { split: 'train', cacheDirectory: defaultCacheDirectory(), onProgress: () => {}, ...options };
}

function parsedName(name: string): DatasetName {
  const parsed = parseDatasetName(resolveDatasetName(name, process.cwd()));
  if (!('problem' in parsed)) return parsed;
  const message = `the data set ${JSON.stringify(name)} ${parsed.problem}; known are ${DATASET_FORMS.join(', ')}`;
  throw new GantryError('GANTRY_DATASET_NOT_FOUND', message, { details: { dataset: name } });
}
