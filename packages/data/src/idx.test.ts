import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { GantryError } from '@gantry/common';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeIdx, readIdx } from './idx.js';
import { openDataset } from './open-dataset.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-idx-'));
afterAll(() => rmSync(folder, { recursive: true }));

const pixels = Uint8Array.from({ length: 5 * 4 * 3 }, (_, i) => (i * 37) % 256);
const images = encodeIdx([5, 4, 3], pixels);
const labels = encodeIdx([5], Uint8Array.of(0, 1, 2, 3, 4));
let files = 0;

/** A fresh folder with the given files; returns its path. */
function write(contents: Record<string, Uint8Array>): string {
  const at = mkdtempSync(join(folder, `${files++}-`));
  for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(at, name), bytes);
  return at;
}

function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
}

async function failure(run: () => unknown): Promise<GantryError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const set = (over: Record<string, Uint8Array> = {}) =>
  write({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels, ...over });

describe('idx: data sets', () => {
  it('are read from a folder, an images file, and gzipped', async () => {
    const plain = set();
    const zipped = write({
      'train-images-idx3-ubyte.gz': gzipSync(images),
      'train-labels-idx1-ubyte.gz': gzipSync(labels),
    });
    for (const path of [plain, join(plain, 'train-images-idx3-ubyte'), zipped]) {
      const source = await openDataset(`idx:${path}`);
      expect(source).toMatchObject({ count: 5, sampleShape: [4, 3, 1], classes: 5 });
      expect(source.id).toMatch(/train-images-idx3-ubyte(\.gz)? \(train\)$/);
      expect([...source.labels!]).toEqual([0, 1, 2, 3, 4]);
      const sample = new Uint8Array(14);
      source.read(3, sample, 1);
      expect([...sample]).toEqual([0, ...pixels.subarray(36, 48), 0]);
      expect(() => source.read(5, sample, 0)).toThrow(/no sample 5/);
    }
  });

  it('may have channels, a test split, and no labels', async () => {
    const at = write({ 't10k-images-idx4-ubyte': encodeIdx([5, 2, 2, 3], pixels) });
    const source = await openDataset(`idx:${at}`, { split: 'test' });
    expect(source).toMatchObject({ count: 5, sampleShape: [2, 2, 3], classes: 0, labels: null });
    expect((await failure(() => openDataset(`idx:${at}`))).code).toBe('GANTRY_DATASET_NOT_FOUND');
  });

  it('are told apart by their manifests', async () => {
    const one = (await openDataset(`idx:${set()}`)).manifest();
    const same = (await openDataset(`idx:${set()}`)).manifest();
    const changed = set({ 'train-images-idx3-ubyte': patched(images, 20, 99) });
    const other = (await openDataset(`idx:${changed}`)).manifest();
    expect(one.sha256).toBe(same.sha256);
    expect(one.sha256).not.toBe(other.sha256);
    expect(one.chunks).toHaveLength(1);
    expect(one.labelChunks).toHaveLength(1);
    expect(one.labelChunks).toEqual(other.labelChunks);
  });
});

describe('a broken file is named, with offset, expectation and finding', () => {
  const imagesName = 'train-images-idx3-ubyte';
  const labelsName = 'train-labels-idx1-ubyte';
  const float = patched(images, 2, 0x0d);
  const cases: [string, string, Uint8Array, number, RegExp, RegExp][] = [
    ['no magic number', imagesName, patched(images, 0, 0x89, 0x50), 0, /magic number \(0x00000803/, /0x89500803/],
    ['an empty file', imagesName, new Uint8Array(0), 0, /magic number/, /end of the file/],
    ['another type', imagesName, float, 2, /uint8/, /float32/],
    ['too few dimensions', imagesName, labels, 3, /3 or 4 dimensions/, /1/],
    ['a header cut off', imagesName, images.subarray(0, 9), 9, /16 bytes of header/, /end of the file/],
    ['a zero size', imagesName, patched(images, 8, 0, 0, 0, 0), 8, /above zero/, /^0$/],
    ['data cut off', imagesName, images.subarray(0, 70), 70, /76 bytes for shape \[5, 4, 3\]/, /6 bytes are missing/],
    ['an absurd size', imagesName, patched(images, 4, 0xff, 0xff, 0xff, 0xff), 76, /bytes for shape/, /missing/],
    [
      'bytes after the data',
      imagesName,
      Buffer.concat([images, Buffer.alloc(3)]),
      76,
      /end of the file/,
      /3 bytes more/,
    ],
    ['another number of labels', labelsName, encodeIdx([4], new Uint8Array(4)), 4, /5 labels/, /4/],
    ['labels cut off', labelsName, labels.subarray(0, 12), 12, /13 bytes/, /1 bytes are missing/],
    ['images for labels', labelsName, images, 3, /1 dimensions/, /3/],
    ['a label far from all others', labelsName, patched(labels, 10, 200), 10, /label below/, /200/],
    ['a cut gzip stream', imagesName, gzipSync(images).subarray(0, -8), 76, /gzip/, /cut off after \d+ packed bytes/],
    ['a gzip stream cut in its header', imagesName, gzipSync(images).subarray(0, 5), 0, /gzip/, /after 5 packed/],
    [
      'a wrong gzip checksum',
      imagesName,
      patched(gzipSync(images), gzipSync(images).length - 8, 1, 2),
      -1,
      /gzip/,
      /check/,
    ],
  ];
  it.each(cases)('%s', async (_name, file, bytes, offset, expected, found) => {
    const at = set({ [file]: bytes });
    const error = await failure(() => openDataset(`idx:${at}`));
    expect(error.code).toBe('GANTRY_DATASET_INVALID');
    expect(error.details.file).toBe(join(at, file));
    if (offset >= 0) expect(error.details.offset).toBe(offset);
    expect(error.details.expected).toMatch(expected);
    expect(error.details.found).toMatch(found);
    expect(error.message).toContain(join(at, file));
  });

  it('a gzip stream cut in its data, at the byte of the unpacked data', async () => {
    const noise = encodeIdx(
      [500, 10, 10],
      Uint8Array.from({ length: 50_000 }, (_, i) => (i * i * 31) >> 3),
    );
    const packed = gzipSync(noise);
    const error = await failure(() => readIdx(join(set({ x: packed.subarray(0, packed.length / 2) }), 'x'), [3]));
    expect(error.details.offset).toBeGreaterThan(0);
    expect(error.details.offset).toBeLessThan(noise.length);
  });

  it('a damaged gzip stream, without an offset, as none is known', async () => {
    const broken = patched(gzipSync(images), gzipSync(images).length - 8, 1, 2);
    const error = await failure(() => readIdx(join(set({ x: broken }), 'x'), [3]));
    expect(error.details.offset).toBeNull();
    expect(error.message).toContain('x: expected a whole gzip stream, found "incorrect data check"');
  });

  it('a file called .gz that is not gzipped; plain IDX under that name is read', async () => {
    const at = write({ 'text.gz': Buffer.from('hello'), 'plain.gz': images, 'empty.gz': new Uint8Array(0) });
    const error = await failure(() => readIdx(join(at, 'text.gz'), [3]));
    expect(error.message).toContain('expected a gzip file (0x1f8b), as its name ends in .gz, found 0x6865: it is not');
    expect((await failure(() => readIdx(join(at, 'empty.gz'), [3]))).message).toContain('a gzip file');
    expect(readIdx(join(at, 'plain.gz'), [3]).shape).toEqual([5, 4, 3]);
  });

  it('a label in a gap that so many samples would not leave', async () => {
    const many = Uint8Array.from({ length: 3000 }, (_, i) => i % 10);
    many[1234] = 12;
    const at = set({
      'train-images-idx3-ubyte': encodeIdx([3000, 1, 1], new Uint8Array(3000)),
      'train-labels-idx1-ubyte': encodeIdx([3000], many),
    });
    const error = await failure(() => openDataset(`idx:${at}`));
    expect(error.details).toMatchObject({ offset: 8 + 1234, expected: 'a label below 10', found: '12' });
  });

  it('a path that does not exist, a folder without images, an unknown name', async () => {
    for (const name of [`idx:${folder}/nowhere`, `idx:${write({})}`, 'imagenet', 'idx:']) {
      expect((await failure(() => openDataset(name))).code).toBe('GANTRY_DATASET_NOT_FOUND');
    }
    expect((await failure(() => readIdx(join(folder, 'none'), [3]))).message).toContain('does not exist');
  });
});
