import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GantryError } from '@gantry/common';
import { afterAll, describe, expect, it } from 'vitest';
import { openDataset, prepareDataset } from '../open-dataset.js';
import { npy, npz } from '../testing/numpy.js';
import { readFloats } from '../values.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-npz-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(bytes: Uint8Array, ending = 'npz'): string {
  const path = join(folder, `${files++}.${ending}`);
  writeFileSync(path, bytes);
  return path;
}

async function refusal(name: string, split: 'train' | 'test' = 'train'): Promise<GantryError> {
  return openDataset(name, { split }).then(
    () => {
      throw new Error('it was accepted');
    },
    (error: GantryError) => error,
  );
}

const bytes = Uint8Array.from({ length: 24 }, (_, i) => i * 10);
const floats = Float32Array.from({ length: 6 }, (_, i) => i / 5);

describe('npz', () => {
  it.each<[string, number[], [number, number, number]]>([
    ['[N, H, W]', [2, 3, 4], [3, 4, 1]],
    ['[N, H, W, C]', [2, 2, 2, 3], [2, 2, 3]],
    ['[N, F]', [4, 6], [1, 6, 1]],
  ])('takes %s of uint8, from .npy and .npz, stored and packed', async (_, shape, sampleShape) => {
    const array = npy('|u1', shape, bytes);
    for (const path of [file(array, 'npy'), file(npz({ images: array })), file(npz({ x: array }, { packed: true }))]) {
      const source = await openDataset(`npz:${path}`);
      expect(source).toMatchObject({ sampleShape, values: 'uint8', labels: null, classes: 0, conversion: null });
      expect([...source.pixels!]).toEqual([...bytes]);
    }
  });

  it('takes floats of 0…1 as they are, and others with a range', async () => {
    const plain = await openDataset(`npz:${file(npy('<f4', [2, 3], floats))}`);
    expect(plain).toMatchObject({ values: 'float32', sampleShape: [1, 3, 1], conversion: null });
    expect(readFloats(plain, 0, 2)).toEqual(floats);
    const wide = file(
      npy(
        '<f4',
        [2, 3],
        floats.map((value) => value * 2 - 1),
      ),
    );
    const scaled = await openDataset(`npz:${wide}?range=-1,1`);
    expect(readFloats(scaled, 0, 2).every((value, i) => Math.abs(value - floats[i]!) < 1e-7)).toBe(true);
    expect(scaled.manifest().conversion).toEqual({ source: 'npz', range: [-1, 1] });
    const error = await refusal(`npz:${wide}`);
    expect(error.message).toMatch(
      /sample 0, value 0: expected a value of 0 to 1, found -1; .*write npz:PATH\?range=-1,1$/,
    );
    expect((await refusal(`npz:${wide}?range=0,1`)).message).toContain('range=-1,1');
    expect((await refusal(`npz:${wide}?range=1,1`)).message).toContain('LOW below HIGH');
  });

  it('names the value that is no number', async () => {
    const path = file(npy('<f4', [2, 3], floats.with(4, Number.NaN)));
    expect((await refusal(`npz:${path}`)).message).toMatch(
      /sample 1, value 1: .* found NaN; values that are no finite/,
    );
  });

  it('finds images and labels by their names, or by those that are given', async () => {
    const images = npy('|u1', [4, 2, 3], bytes);
    const labels = npy('<i8', [4], new Uint8Array(BigInt64Array.of(0n, 2n, 1n, 2n).buffer));
    const keras = file(npz({ x_train: images, y_train: labels, x_test: npy('|u1', [1, 2, 3], bytes.subarray(0, 6)) }));
    const train = await openDataset(`npz:${keras}`);
    expect(train).toMatchObject({ id: `${keras} (train)`, count: 4, classes: 3 });
    expect([...train.labels!]).toEqual([0, 2, 1, 2]);
    expect(await openDataset(`npz:${keras}`, { split: 'test' })).toMatchObject({ count: 1, labels: null });
    const own = file(npz({ a: images, b: labels, c: images }));
    expect((await refusal(`npz:${own}`)).message).toMatch(/found the arrays a, b, c; write npz:PATH\?images=NAME/);
    expect(await openDataset(`npz:${own}?images=a&labels=b`)).toMatchObject({ count: 4, classes: 3 });
    expect((await refusal(`npz:${own}?images=z`)).message).toMatch(/expected images=z, found the arrays a, b, c$/);
    expect((await refusal(`npz:${own}`, 'test')).code).toBe('GANTRY_DATASET_INVALID');
  });

  const good = npz({ x: npy('|u1', [2, 3, 4], bytes) }, { packed: true });
  it.each<[string, Uint8Array, RegExp]>([
    [
      'float64',
      npy('<f8', [1, 1], new Uint8Array(8)),
      /uint8 or float32, found \[1, 1\] of float64: save x\.astype\(numpy\.float32\)/,
    ],
    ['int64', npy('<i8', [1, 1], new Uint8Array(8)), /save x\.astype\(numpy\.uint8\)/],
    ['one dimension', npy('|u1', [3], new Uint8Array(3)), /\[N, H, W\], \[N, H, W, C\] or \[N, F\], found \[3\]/],
    ['channels first', npy('|u1', [1, 3, 8, 8], new Uint8Array(192)), /numpy\.transpose\(x, \(0, 2, 3, 1\)\)/],
    ['nothing', new Uint8Array(), /magic number of a \.npy file .* found an empty file/],
    ['text', Buffer.from('hello, world'), /magic number of a \.npy file/],
    ['a cut archive', good.subarray(0, good.length - 30), /a whole zip archive/],
    ['a changed archive', good.with(60, good[60]! ^ 1), /zip archive|CRC-32|size|magic|header/],
    ['an archive of other files', npz({ 'x.txt': new Uint8Array(1) }, { bare: true }), /nothing but \.npy files/],
    ['an empty archive', npz({}), /a zip archive with \.npy files/],
    [
      'labels of another length',
      npz({ x: npy('|u1', [2, 3, 4], bytes), y: npy('|u1', [3], bytes.subarray(0, 3)) }),
      /\(y\.npy\).*2 labels, one for each sample, found 3/,
    ],
    [
      'labels that are floats',
      npz({ x: npy('|u1', [2, 3, 4], bytes), y: npy('<f4', [2], floats.subarray(0, 2)) }),
      /labels \[N\] of whole numbers, found \[2\] of float32/,
    ],
  ])('refuses %s', async (_, content, message) => {
    const path = file(content);
    const error = await refusal(`npz:${path}`);
    expect(error).toMatchObject({ code: 'GANTRY_DATASET_INVALID', message: expect.stringMatching(message) });
    expect(error.message.startsWith(path)).toBe(true);
  });

  it('refuses options that do not fit the file, and files that are not there', async () => {
    const array = file(npy('|u1', [2, 3, 4], bytes), 'npy');
    expect((await refusal(`npz:${array}?range=0,255`)).message).toMatch(/leave range out/);
    expect((await refusal(`npz:${array}?images=x`)).message).toMatch(/a \.npz file, as there is images=x/);
    expect((await refusal(`npz:${array}`, 'test')).message).toMatch(/no test split/);
    await expect(prepareDataset(`npz:${folder}`)).rejects.toThrow(/is a folder/);
    await expect(prepareDataset(`npz:${folder}/none`)).rejects.toMatchObject({ code: 'GANTRY_DATASET_NOT_FOUND' });
  });
});
