import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert } from '@gantry/common';
import { beginConversion, caching } from '../cache.js';
import { readBytes } from '../data-file.js';
import { encodeIdx, idxHeader } from '../idx.js';
import type { Conversion } from '../manifest.js';
import type { OnProgress } from '../progress.js';
import { DECODER, decodeImage, inspectImage } from './decode.js';
import { formOf, type ImageForm, type ImageInfo } from './image-form.js';
import type { ImageFile, ImageList } from './list-images.js';

/** What is written changes: another number, so that nothing of before is taken for it. */
const VERSION = 1;
/** Images in work at a time: enough for every thread of Node's pool, few enough for memory. */
const AT_A_TIME = 16;

/** Images of a folder as they lie in the cache. */
export interface ConvertedFolder {
  readonly images: string;
  /** Null: no sub-folders, no labels. */
  readonly labels: string | null;
  readonly conversion: Conversion;
}

interface Options {
  readonly folder: string;
  readonly asked: Partial<ImageForm>;
  readonly cacheDirectory: string;
  readonly onProgress: OnProgress;
}

/**
 * The images of a folder, decoded and resized: from the cache where it has them. The cache is addressed by what the files hold
 * and what they are made into. That takes reading them, so the answer is kept under their names, sizes and times.
 * @throws GantryError GANTRY_DATASET_INVALID naming the first image that cannot be read
 */
export async function convertFolder(list: ImageList, options: Options): Promise<ConvertedFolder> {
  const seen = join(options.cacheDirectory, 'folders', `${listingKey(list, options)}.txt`);
  const known = existsSync(seen) ? readFileSync(seen, 'utf8') : null;
  if (known !== null && existsSync(join(options.cacheDirectory, known))) {
    return openConverted(join(options.cacheDirectory, known));
  }
  const { form, hashes } = await inspectAll(list, options);
  const name = `folder-${contentKey(list, form, hashes)}`;
  const target = join(options.cacheDirectory, name);
  if (!existsSync(target)) await decodeAll(target, list, form, options);
  caching(seen, () => remember(seen, name));
  return openConverted(target);
}

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function listingKey({ files }: ImageList, { folder, asked }: Options): string {
  const described = files.map(({ path, size, mtimeMs }) => [path, size, mtimeMs]);
  return sha256(JSON.stringify([VERSION, DECODER, folder, asked, described]));
}

function contentKey({ files, classes }: ImageList, form: ImageForm, hashes: readonly string[]): string {
  const described = files.map(({ label }, i) => [label, hashes[i]]);
  return sha256(JSON.stringify([VERSION, DECODER, form, classes, described])).slice(0, 32);
}

/** Reads every image once: what it holds, and whether all have one form. */
async function inspectAll(list: ImageList, options: Options): Promise<{ form: ImageForm; hashes: string[] }> {
  const { folder, asked, onProgress } = options;
  const hashes: string[] = [];
  const infos: ImageInfo[] = [];
  const inspect = async ({ path }: ImageFile) => {
    const bytes = readBytes(path);
    return { hash: sha256(bytes), info: await inspectImage(path, bytes) };
  };
  await inOrder(list.files, inspect, ({ hash, info }, done) => {
    hashes.push(hash);
    infos.push(info);
    onProgress({ what: `reading the images of ${folder}`, done, total: list.files.length });
  });
  return { form: formOf(folder, asked, list.files, infos), hashes };
}

/** Writes the images in a form, their labels, and what was done. */
async function decodeAll(target: string, list: ImageList, form: ImageForm, options: Options): Promise<void> {
  const { files, classes } = list;
  const { scratch, publish, discard } = beginConversion(target);
  const write = (name: string, content: string | Uint8Array): void =>
    caching(target, () => writeFileSync(join(scratch, name), content));
  try {
    await writeImages(join(scratch, 'images'), files, form, options);
    if (classes.length > 0)
      write(
        'labels',
        encodeIdx(
          [files.length],
          Uint8Array.from(files, ({ label }) => label),
        ),
      );
    const conversion: Conversion = { source: 'folder', ...form, decoder: DECODER, classes };
    write('conversion.json', `${JSON.stringify(conversion, null, 2)}\n`);
    publish();
  } finally {
    discard();
  }
}

async function writeImages(
  path: string,
  files: readonly ImageFile[],
  form: ImageForm,
  options: Options,
): Promise<void> {
  const { height, width, channels } = form;
  const file = caching(path, () => openSync(path, 'w'));
  const write = (bytes: Uint8Array): void => caching(path, () => writeFileSync(file, bytes));
  try {
    write(idxHeader([files.length, height, width, channels]));
    const decode = ({ path: image }: ImageFile) => decodeImage(image, readBytes(image), form);
    await inOrder(files, decode, (pixels, done) => {
      assert(pixels.length === width * height * channels, `${pixels.length} bytes of a decoded image`);
      write(pixels);
      options.onProgress({ what: `converting the images of ${options.folder}`, done, total: files.length });
    });
  } finally {
    closeSync(file);
  }
}

/** Does `work` for some items at a time, and gives the results in order; of several failures, the first item's is told. */
async function inOrder<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  take: (result: R, done: number) => void,
): Promise<void> {
  for (let first = 0; first < items.length; first += AT_A_TIME) {
    const results = await Promise.allSettled(items.slice(first, first + AT_A_TIME).map(work));
    for (const [i, result] of results.entries()) {
      if (result.status === 'rejected') throw result.reason;
      take(result.value, first + i + 1);
    }
  }
}

/** Other processes see the whole file or none. */
function remember(file: string, name: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, name);
  renameSync(`${file}.${process.pid}`, file);
}

function openConverted(folder: string): ConvertedFolder {
  const labels = join(folder, 'labels');
  return {
    images: join(folder, 'images'),
    labels: existsSync(labels) ? labels : null,
    conversion: JSON.parse(readFileSync(join(folder, 'conversion.json'), 'utf8')) as Conversion,
  };
}
