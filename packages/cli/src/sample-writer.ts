import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert, fileError } from '@gantry/common';
import { encodePicture, imageGrid } from '@gantry/coordinator';
import { csvLine, decodeRow, type TableSchema, usedColumns } from '@gantry/data';
import { usage } from './arguments.js';
import { idxHeader } from './formats/idx.js';
import { npyHeader } from './formats/npy.js';

export const SAMPLE_FORMATS = ['grid', 'png', 'npy', 'idx', 'csv'] as const;
export type SampleFormat = (typeof SAMPLE_FORMATS)[number];

/** What endings of a file mean without `--format`; single files (`png`) go to a folder, which has none. */
const ENDINGS: readonly (readonly [RegExp, SampleFormat])[] = [
  [/\.png$/i, 'grid'],
  [/\.npy$/i, 'npy'],
  [/\.idx$|ubyte$/i, 'idx'],
  [/\.csv$/i, 'csv'],
];

/** @throws GantryError GANTRY_USAGE naming the endings that are known. */
export function formatOfEnding(path: string): SampleFormat {
  const known = ENDINGS.find(([ending]) => ending.test(path));
  if (known !== undefined) return known[1];
  return usage(
    `--to ${path} ends in none of .png (one picture), .npy, .idx, -ubyte, .csv (rows of a table): take one of these, ` +
      `or say --format ${SAMPLE_FORMATS.join(', ')} (png: a folder of pictures)`,
  );
}

/** What is known of the samples before the first is made. */
export interface SampleShape {
  readonly count: number;
  /** [height, width, channels] of one. */
  readonly imageShape: readonly [number, number, number];
  /** Of `csv`: what the numbers of a sample mean. */
  readonly schema?: TableSchema;
}

/**
 * Takes samples in order, uint8 [n, height, width, channels] at a time, and the floats that they are rounded from. Each method throws GantryError GANTRY_DISK_FULL or
 * GANTRY_FILE_FAILED, after which only `discard` may be called.
 */
export interface SampleWriter {
  write(images: Uint8Array, count: number, floats: Float32Array): void | Promise<void>;
  /** Everything was written; only now is the file there. */
  finish(): void | Promise<void>;
  /** Something failed: leaves no half file behind. */
  discard(): void;
}

/** Images of a grid in a row at most: beyond it rows get too long to look at. */
const GRID_COLUMNS_MAX = 32;
const GRID_GAP = 2;

/** @throws GantryError GANTRY_DISK_FULL, GANTRY_FILE_FAILED before anything was computed, where `path` takes no file. */
export function createSampleWriter(format: SampleFormat, path: string, shape: SampleShape): SampleWriter {
  if (format === 'png') return pngFolder(path, shape);
  if (format === 'csv') return tableFile(path, shape);
  return format === 'grid' ? gridFile(path, shape) : arrayFile(path, headerOf(format, shape));
}

/** What stands before the samples in a file of arrays. */
export function headerOf(format: 'npy' | 'idx', shape: SampleShape): Uint8Array {
  const dimensions = arrayShape(shape);
  return format === 'npy' ? npyHeader(dimensions) : idxHeader(dimensions);
}

/** [N, H, W], and [N, H, W, C] where there is more than one channel. */
export function arrayShape({ count, imageShape }: SampleShape): number[] {
  const [height, width, channels] = imageShape;
  return channels === 1 ? [count, height, width] : [count, height, width, channels];
}

/** Does something to the file system, and names the file in what goes wrong. */
function filing<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw fileError(path, cause, { flag: '--to' });
  }
}

/** A file that appears as a whole: it is written under another name, which is its own again when it is given up. */
interface PartFile {
  append(bytes: Uint8Array): void;
  finish(): void;
  discard(): void;
}

function openPart(path: string): PartFile {
  const part = `${path}.part`;
  const file = filing(path, () => {
    refuseFolder(path);
    mkdirSync(dirname(path), { recursive: true });
    return openSync(part, 'w');
  });
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    closeSync(file);
  };
  return {
    // Unlike writeSync, it goes on until everything is written.
    append: (bytes) => filing(path, () => writeFileSync(file, bytes)),
    finish: () =>
      filing(path, () => {
        close();
        renameSync(part, path);
      }),
    discard() {
      close();
      rmSync(part, { force: true });
    },
  };
}

/** A rename would find it out only when everything is computed. */
function refuseFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
}

/** A header, then the samples as they come: any number of them fits. */
function arrayFile(path: string, header: Uint8Array): SampleWriter {
  const file = openPart(path);
  let begun = false;
  return {
    write(images) {
      if (!begun) file.append(header);
      begun = true;
      file.append(images);
    },
    finish: file.finish,
    discard: file.discard,
  };
}

/** The rows that samples stand for, below the names of their columns. */
function tableFile(path: string, { imageShape, schema }: SampleShape): SampleWriter {
  assert(schema !== undefined, 'rows of a table without a schema');
  const [height, width, channels] = imageShape;
  const file = openPart(path);
  const lineOf = (cells: readonly string[]): string => csvLine(cells, schema.delimiter);
  let lines = lineOf(usedColumns(schema).map(({ name }) => name));
  return {
    write(_, number, floats) {
      for (let i = 0; i < number; i++) lines += lineOf(decodeRow(schema, floats, i * height * width * channels));
      file.append(Buffer.from(lines));
      lines = '';
    },
    finish: file.finish,
    discard: file.discard,
  };
}

function gridFile(path: string, { count, imageShape }: SampleShape): SampleWriter {
  const [height, width, channels] = imageShape;
  const file = openPart(path);
  const data = new Uint8Array(count * height * width * channels);
  let at = 0;
  return {
    write(images) {
      data.set(images, at);
      at += images.length;
    },
    async finish() {
      const columns = Math.min(GRID_COLUMNS_MAX, Math.ceil(Math.sqrt(count)));
      const picture = imageGrid({ data, count, height, width, channels }, { columns, gap: GRID_GAP });
      file.append(await encodePicture(picture));
      file.finish();
    },
    discard: file.discard,
  };
}

/** One file a sample, numbered from 0 with as many digits as the last one needs. Those that are whole stay when it fails. */
function pngFolder(path: string, { count, imageShape }: SampleShape): SampleWriter {
  const [height, width, channels] = imageShape;
  const digits = Math.max(6, String(count - 1).length);
  const size = height * width * channels;
  filing(path, () => mkdirSync(path, { recursive: true }));
  let next = 0;
  return {
    async write(images, number) {
      for (let i = 0; i < number; i++, next++) {
        const data = images.subarray(i * size, (i + 1) * size);
        const name = `${String(next).padStart(digits, '0')}.png`;
        writeWhole(join(path, name), await encodePicture({ data, height, width, channels }));
      }
    },
    finish() {},
    discard() {},
  };
}

function writeWhole(path: string, bytes: Uint8Array): void {
  const file = openPart(path);
  try {
    file.append(bytes);
    file.finish();
  } catch (error) {
    file.discard();
    throw error;
  }
}
