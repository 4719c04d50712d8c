import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { GantryError } from '@gantry/common';
import sharp from 'sharp';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ShardLoader } from '../loader.js';
import { openDataset, prepareDataset } from '../open-dataset.js';
import { openFolderDataset } from '../sources/folder-dataset.js';

const work = mkdtempSync(join(tmpdir(), 'gantry-folder-'));
afterAll(() => rmSync(work, { recursive: true }));

let folder = '';
let cacheDirectory = '';
let tests = 0;
beforeEach(() => {
  folder = join(work, `${tests}`, 'images');
  cacheDirectory = join(work, `${tests++}`, 'cache');
  mkdirSync(folder, { recursive: true });
});

/** Pixels [height, width, channels] that tell images apart. */
function pixelsOf(seed: number, [height, width, channels]: readonly [number, number, number]): Uint8Array {
  return Uint8Array.from({ length: height * width * channels }, (_, i) => (i * 37 + seed * 101) % 256);
}

type Format = 'png' | 'webp' | 'tiff' | 'jpeg' | 'gif';

async function encoded(
  seed: number,
  shape: readonly [number, number, number],
  format: Format = 'png',
): Promise<Buffer> {
  const [height, width, channels] = shape;
  const image = sharp(pixelsOf(seed, shape), { raw: { width, height, channels: channels as 1 } });
  return image
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .toFormat(format, format === 'webp' ? { lossless: true } : format === 'tiff' ? { compression: 'lzw' } : {})
    .toBuffer();
}

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

const open = (options = '') => openDataset(`folder:${folder}${options}`, { cacheDirectory });

async function refusal(options = ''): Promise<GantryError> {
  return open(options).then(
    () => {
      throw new Error('it was accepted');
    },
    (error: GantryError) => error,
  );
}

describe('a folder of images', () => {
  it.each([[1], [3]] as const)(
    'has its own pixels, %i channels, a class for each sub-folder by name',
    async (channels) => {
      const shape = [5, 4, channels] as const;
      // Not in the order in which they are expected, and of several formats that lose nothing.
      write('b/2.tif', await encoded(4, shape, 'tiff'));
      write('b/10.PNG', await encoded(3, shape));
      write('c/deep/er/x.png', await encoded(5, shape));
      write('a/y.webp', await encoded(2, channels === 1 ? [5, 4, 1] : shape, channels === 1 ? 'png' : 'webp'));
      write('a/x.png', await encoded(1, shape));
      write('a/.hidden.png', Buffer.from('no image'));
      write('a/notes.txt', Buffer.from('no image'));
      if (channels === 1) {
        rmSync(join(folder, 'a/y.webp'));
        write('a/y.png', await encoded(2, shape));
      }
      const source = await open();
      expect(source).toMatchObject({ count: 5, sampleShape: [5, 4, channels], classes: 3, values: 'uint8' });
      expect([...source.labels!]).toEqual([0, 0, 1, 1, 2]);
      expect([...source.pixels!]).toEqual([1, 2, 3, 4, 5].flatMap((seed) => [...pixelsOf(seed, shape)]));
      expect(source.manifest().conversion).toMatchObject({
        ...{ source: 'folder', width: 4, height: 5, channels, fit: 'cover', filter: 'lanczos3' },
        ...{ classes: ['a', 'b', 'c'], decoder: expect.stringMatching(/^sharp .*libvips/) },
      });
    },
  );

  it('has no labels where it has no sub-folders', async () => {
    for (let i = 0; i < 40; i++) write(`${i}.png`, await encoded(i, [2, 2, 1]));
    const source = await open();
    expect(source).toMatchObject({ count: 40, classes: 0, labels: null, sampleShape: [2, 2, 1] });
    const order = Array.from({ length: 40 }, (_, i) => String(i)).sort();
    expect([...source.pixels!]).toEqual(order.flatMap((name) => [...pixelsOf(Number(name), [2, 2, 1])]));
  });

  it('is resized as it is asked, with the filter that is named', async () => {
    write('x.png', await encoded(1, [16, 8, 3]));
    const resized = async (options: string) => {
      const source = await open(options);
      return { shape: source.sampleShape, pixels: [...source.pixels!] };
    };
    const expected = async (fit: 'fill' | 'cover', kernel: 'lanczos3' | 'nearest') => [
      ...(await sharp(join(folder, 'x.png')).resize(6, 4, { fit, kernel }).raw().toBuffer()),
    ];
    const fill = await resized('?size=6x4&fit=fill&filter=nearest');
    expect(fill).toEqual({ shape: [4, 6, 3], pixels: await expected('fill', 'nearest') });
    const cover = await resized('?size=6x4');
    expect(cover).toEqual({ shape: [4, 6, 3], pixels: await expected('cover', 'lanczos3') });
    expect(cover.pixels).not.toEqual((await resized('?size=6x4&filter=linear')).pixels);
    expect((await resized('?size=4&channels=1')).shape).toEqual([4, 4, 1]);
  });

  it('is upright, on black where it is transparent, 8 bit, and the first frame', async () => {
    const raw = { raw: { width: 2, height: 1, channels: 4 as const } };
    const transparent = sharp(Uint8Array.of(200, 100, 50, 255, 200, 100, 50, 0), raw);
    write('a.png', await transparent.clone().png().toBuffer());
    write('b.png', await transparent.clone().toColourspace('rgb16').png().toBuffer());
    // Turned by a quarter on the way to the eye: two pixels high as it is stored.
    const stored = { raw: { width: 1, height: 2, channels: 3 as const } };
    write(
      'c.tif',
      await sharp(Uint8Array.of(0, 0, 0, 200, 100, 50), stored)
        .withMetadata({ orientation: 6 })
        .tiff({ compression: 'none' })
        .toBuffer(),
    );
    const source = await open();
    expect(source.sampleShape).toEqual([1, 2, 3]);
    expect([...source.pixels!]).toEqual([200, 100, 50, 0, 0, 0, 200, 100, 50, 0, 0, 0, 200, 100, 50, 0, 0, 0]);
  });

  it('is decoded once: not again by another call, nor where the same images lie elsewhere', async () => {
    for (let i = 0; i < 3; i++) write(`k/${i}.png`, await encoded(i, [3, 3, 1]));
    const told: string[] = [];
    const onProgress = ({ what, done, total }: { what: string; done: number; total: number }) =>
      told.push(`${what.split(' ')[0]} ${done}/${total}`);
    const openAt = async (at: string) => {
      told.length = 0;
      await prepareDataset(`folder:${at}`, { cacheDirectory, onProgress });
      return [...told];
    };
    const reading = ['reading 1/3', 'reading 2/3', 'reading 3/3'];
    expect(await openAt(folder)).toEqual([...reading, ...reading.map((line) => line.replace('reading', 'converting'))]);
    expect(await openAt(folder)).toEqual([]);
    const copy = join(dirname(folder), 'copy');
    cpSync(folder, copy, { recursive: true });
    expect(await openAt(copy)).toEqual(reading);
    // One image is replaced by another of as many bytes.
    writeFileSync(join(copy, 'k/1.png'), await encoded(2, [3, 3, 1]));
    utimesSync(join(copy, 'k/1.png'), 1, 1);
    expect((await openAt(copy)).length).toBe(6);
    const changed = await openDataset(`folder:${copy}`, { cacheDirectory });
    expect([...changed.pixels!.subarray(9, 18)]).toEqual([...pixelsOf(2, [3, 3, 1])]);
    expect(readdirSync(cacheDirectory).filter((name) => name.startsWith('folder-'))).toHaveLength(2);
  });

  it('is read from the cache as it is needed where it is too large for memory, and is the same set', async () => {
    for (const name of ['a/1', 'a/2', 'b/3', 'b/4', 'b/5'])
      write(`${name}.png`, await encoded(Number(name[2]), [3, 5, 3]));
    const onProgress = () => {};
    const how = { options: {}, split: 'train', cacheDirectory, onProgress } as const;
    const held = await openFolderDataset(folder, how);
    const large = await openFolderDataset(folder, { ...how, memoryBytesMax: 100 });
    expect(large.pixels).toBe(null);
    expect(large.manifest()).toEqual(held.manifest());
    expect(large.labels).toEqual(held.labels);
    const batches = [held, large].map((source) => {
      const loader = new ShardLoader({ source, seed: 1, batch: 4, shards: 1 });
      const out = new Float32Array(4 * 45);
      loader.fill(2, 0, out);
      return out;
    });
    expect(batches[1]).toEqual(batches[0]);
    expect(() => large.read(5, new Uint8Array(45), 0)).toThrow(/has no sample 5/);
  });

  it('says what to write where images differ', async () => {
    write('a/1.png', await encoded(1, [4, 4, 3]));
    const other = write('b/2.png', await encoded(1, [4, 6, 3]));
    const size = await refusal();
    expect(size).toMatchObject({ code: 'GANTRY_DATASET_INVALID', details: { file: other } });
    expect(size.message).toContain(`1.png is 4x4, ${other} is 6x4. Say what they are to become: folder:PATH?size=4`);
    writeFileSync(other, await encoded(1, [4, 4, 1]));
    expect((await refusal()).message).toContain(`1.png is in colour, ${other} is grey. Say`);
    expect((await open('?channels=1')).sampleShape).toEqual([4, 4, 1]);
  });

  it.each<[string, (image: Buffer) => Uint8Array]>([
    ['nothing in it', () => new Uint8Array()],
    ['text in it', () => Buffer.from('this is no image')],
    ['its end cut off', (image) => image.subarray(0, image.length - 20)],
    ['a bit that changed', (image) => image.with(image.length - 25, image[image.length - 25]! ^ 4)],
    ['a drawing in it', () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>')],
  ])('names an image with %s, and leaves nothing behind', async (_, damage) => {
    write('a/1.png', await encoded(1, [4, 4, 3]));
    const path = write('b/2.png', damage(await encoded(2, [4, 4, 3])));
    const error = await refusal();
    expect(error).toMatchObject({ code: 'GANTRY_DATASET_INVALID', details: { file: path } });
    expect(error.message).toMatch(/2\.png cannot be read as an image \(.+\)\. Mend it, or remove it/);
    expect(existsSync(cacheDirectory) ? readdirSync(cacheDirectory) : []).toEqual([]);
  });

  it('refuses what is no such folder', async () => {
    expect((await refusal('/none')).message).toMatch(/none does not exist/);
    expect((await refusal()).message).toMatch(/is empty; images are files that end in \.png/);
    write('a.bmp', Buffer.of(1));
    expect((await refusal()).message).toMatch(/holds no images \(a\.bmp\)/);
    expect((await refusal('/a.bmp')).message).toMatch(/a\.bmp is a file; folder: takes a folder/);
    mkdirSync(join(folder, 'class'));
    expect((await refusal()).message).toMatch(/class holds no images; every sub-folder/);
    write('x.png', Buffer.of(1));
    expect((await refusal()).message).toMatch(/x\.png lies beside sub-folders \(class\)/);
    rmSync(join(folder, 'x.png'));
    symlinkSync(folder, join(folder, 'class', 'loop'));
    expect((await refusal()).message).toMatch(/does a link lead back\?/);
    const test = openDataset(`folder:${folder}`, { split: 'test' });
    await expect(test).rejects.toMatchObject({ code: 'GANTRY_DATASET_NOT_FOUND' });
  });

  it('says so where the cache takes nothing', async () => {
    write('x.png', await encoded(1, [2, 2, 1]));
    writeFileSync(cacheDirectory, 'a file');
    expect(await refusal()).toMatchObject({
      code: 'GANTRY_FILE_FAILED',
      message: expect.stringMatching(/cannot write .*cache.*another XDG_CACHE_HOME/),
    });
  });
});
