import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { GantryError } from '@gantry/common';

/** Endings of files that are taken for images; what they hold is looked at when they are read. */
const ENDINGS: readonly string[] = ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff', '.avif'];
/** Labels are bytes. */
const CLASSES_MAX = 256;
/** Folders in folders: deeper is a link that leads back. */
const DEPTH_MAX = 16;

export interface ImageFile {
  readonly path: string;
  readonly label: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/** The images of a folder in their order, which is that of the samples. */
export interface ImageList {
  readonly files: readonly ImageFile[];
  /** Names of the sub-folders, in order; none where the images lie in the folder itself. */
  readonly classes: readonly string[];
}

/**
 * Lists the images of a folder: a class for each sub-folder, by name in the order of their characters' codes, and all images
 * below it in the same order; or, where there are no sub-folders, the images in the folder. Hidden files and folders do not
 * count, nor do files of other endings.
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_DATASET_INVALID
 */
export function listImages(folder: string): ImageList {
  const { images, folders, others } = entriesOf(folder);
  if (folders.length === 0) {
    if (images.length === 0) throw noImages(folder, others);
    return { files: images.map((name) => imageFile(join(folder, name), 0)), classes: [] };
  }
  if (images.length > 0) {
    throw invalid(
      join(folder, images[0]!),
      `lies beside sub-folders (${shown(folders)}), each of which is a class: move it into one of them, or the folders away`,
    );
  }
  if (folders.length > CLASSES_MAX) {
    throw invalid(
      folder,
      `has ${folders.length} sub-folders, each of which is a class; at most ${CLASSES_MAX} are supported`,
    );
  }
  const files = folders.flatMap((name, label) => {
    const found = imagesBelow(join(folder, name), label, 1);
    if (found.length > 0) return found;
    throw invalid(
      join(folder, name),
      `holds no images; every sub-folder of ${folder} is a class. Remove it or fill it`,
    );
  });
  return { files, classes: folders };
}

function imagesBelow(folder: string, label: number, depth: number): ImageFile[] {
  if (depth > DEPTH_MAX) throw invalid(folder, `is more than ${DEPTH_MAX} folders deep: does a link lead back?`);
  const { images, folders } = entriesOf(folder);
  return [
    ...images.map((name) => imageFile(join(folder, name), label)),
    ...folders.flatMap((name) => imagesBelow(join(folder, name), label, depth + 1)),
  ];
}

interface Entries {
  readonly images: readonly string[];
  readonly folders: readonly string[];
  /** Files of other endings. */
  readonly others: readonly string[];
}

function entriesOf(folder: string): Entries {
  const [images, folders, others]: [string[], string[], string[]] = [[], [], []];
  for (const entry of readFolder(folder)) {
    if (entry.name.startsWith('.')) continue;
    const isFolder = entry.isSymbolicLink() ? isFolderAt(join(folder, entry.name)) : entry.isDirectory();
    if (isFolder) folders.push(entry.name);
    else if (ENDINGS.includes(extname(entry.name).toLowerCase())) images.push(entry.name);
    else others.push(entry.name);
  }
  // Without a locale, so that the order is the same on every machine.
  return { images: images.sort(), folders: folders.sort(), others };
}

function readFolder(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'ENOTDIR'
          ? 'is a file; folder: takes a folder of images'
          : `cannot be read (${code})`;
    throw new GantryError('GANTRY_DATASET_NOT_FOUND', `${folder} ${what}`, { cause, details: { file: folder } });
  }
}

function isFolderAt(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function imageFile(path: string, label: number): ImageFile {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw invalid(path, 'is a link that leads nowhere');
  return { path, label, size: found.size, mtimeMs: found.mtimeMs };
}

function noImages(folder: string, others: readonly string[]): GantryError {
  const holds = others.length === 0 ? 'is empty' : `holds no images (${shown(others)})`;
  return invalid(folder, `${holds}; images are files that end in ${ENDINGS.join(', ')}`);
}

function shown(names: readonly string[]): string {
  return `${names.slice(0, 5).join(', ').slice(0, 300)}${names.length > 5 ? ', …' : ''}`;
}

function invalid(path: string, what: string): GantryError {
  return new GantryError('GANTRY_DATASET_INVALID', `${path} ${what}`, { details: { file: path } });
}
