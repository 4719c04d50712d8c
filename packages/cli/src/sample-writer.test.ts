import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TableSchema } from '@gantry/data';
import { decode } from 'fast-png';
import { afterAll, expect, it } from 'vitest';
import { toPixels } from './generator.js';
import { createSampleWriter, formatOfEnding, type SampleFormat } from './sample-writer.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-samples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Five images of 2×3 pixels, written as three and two.
const pixels = Uint8Array.from({ length: 30 }, (_, index) => index);
const floats = new Float32Array(18);
async function write(format: SampleFormat, path: string): Promise<void> {
  const writer = createSampleWriter(format, path, { count: 5, imageShape: [2, 3, 1] });
  await writer.write(pixels.subarray(0, 18), 3, floats);
  await writer.write(pixels.subarray(18), 2, floats);
  await writer.finish();
}

it.each(['npy', 'idx'] as const)('%s: header, then every pixel in order', async (format) => {
  const path = join(folder, 'deep', `samples.${format}`);
  await write(format, path);
  const file = readFileSync(path);
  expect([...file.subarray(file.length - 30)]).toEqual([...pixels]);
  if (format === 'npy') expect(file.toString('latin1', 10, 100)).toContain("'shape': (5, 2, 3)");
  else expect([file.readUInt32BE(4), file.readUInt32BE(8), file.readUInt32BE(12), file.length]).toEqual([5, 2, 3, 46]);
});

it('csv: the names of the columns, and the row that each sample stands for', async () => {
  const path = join(folder, 'rows.csv');
  const columns = [
    { name: 'id', type: 'ignore' },
    { name: 'size, in m', type: 'numeric', scale: 'min-max', min: -1, max: 3, decimals: 1 },
    { name: 'kind', type: 'categorical', categories: ['a', 'b"c'] },
  ] as const;
  const schema = { delimiter: ',', missingValues: [''], columns: [...columns] as TableSchema['columns'] };
  const writer = createSampleWriter('csv', path, { count: 3, imageShape: [1, 3, 1], schema });
  await writer.write(new Uint8Array(6), 2, Float32Array.of(0.5, 0.9, 0.1, 1.5, 0.2, 0.3));
  await writer.write(new Uint8Array(3), 1, Float32Array.of(0, 1, 0));
  await writer.finish();
  expect(readFileSync(path, 'utf8')).toBe('"size, in m",kind\n1.0,a\n3.0,"b""c"\n-1.0,a\n');
});

it('png: one file a sample, numbered', async () => {
  const path = join(folder, 'pngs');
  await write('png', path);
  expect(readdirSync(path)).toEqual(['000000.png', '000001.png', '000002.png', '000003.png', '000004.png']);
  expect([...decode(readFileSync(join(path, '000003.png'))).data]).toEqual([18, 19, 20, 21, 22, 23]);
});

it('grid: as square as the count allows', async () => {
  const path = join(folder, 'grid.png');
  await write('grid', path);
  const picture = decode(readFileSync(path));
  // 3 columns, 2 rows, gaps of 2 between and around.
  expect([picture.width, picture.height]).toEqual([3 * 3 + 4 * 2, 2 * 2 + 3 * 2]);
  expect([...picture.data.subarray(2 * picture.width + 2, 2 * picture.width + 5)]).toEqual([0, 1, 2]);
});

it('leaves nothing behind when it is given up', () => {
  const path = join(folder, 'broken.npy');
  createSampleWriter('npy', path, { count: 5, imageShape: [2, 3, 1] }).discard();
  expect(readdirSync(folder).filter((name) => name.startsWith('broken'))).toEqual([]);
});

it.each(['npy', 'idx', 'grid'] as const)('%s: a folder in its place is refused before anything is made', (format) => {
  const path = join(folder, `folder.${format}`);
  mkdirSync(path);
  const refused = { code: 'GANTRY_FILE_FAILED', message: expect.stringContaining('it is a folder, not a file') };
  expect(() => createSampleWriter(format, path, { count: 5, imageShape: [2, 3, 1] })).toThrow(
    expect.objectContaining(refused),
  );
  expect(existsSync(`${path}.part`)).toBe(false);
});

it('png: a file in place of the folder is refused', () => {
  const path = join(folder, 'file');
  writeFileSync(path, '');
  expect(() => createSampleWriter('png', path, { count: 1, imageShape: [2, 3, 1] })).toThrow(
    expect.objectContaining({ code: 'GANTRY_FILE_FAILED', message: expect.stringContaining('another --to') }),
  );
});

// A device that is always full takes the place of the part file.
it.runIf(existsSync('/dev/full')).each(['npy', 'grid', 'png'] as const)(
  '%s: says when the disk is full',
  async (format) => {
    const path = join(folder, `full-${format}`);
    mkdirSync(path);
    const file = format === 'png' ? path : join(path, 'samples');
    symlinkSync('/dev/full', format === 'png' ? join(path, '000000.png.part') : `${file}.part`);
    const writer = createSampleWriter(format, file, { count: 1, imageShape: [2, 3, 1] });
    const write = async () => {
      await writer.write(pixels.subarray(0, 6), 1, floats);
      await writer.finish();
    };
    await expect(write()).rejects.toMatchObject({ code: 'GANTRY_DISK_FULL' });
    writer.discard();
    expect(readdirSync(path)).toEqual([]);
  },
);

it('rounds and clamps to bytes', () => {
  const bytes = new Uint8Array(6);
  toPixels(new Float32Array([0, 1, 0.5, -0.1, 1.2, 0.1]), bytes);
  expect([...bytes]).toEqual([0, 255, 128, 0, 255, 26]);
});

it('takes the format from the ending of the file', () => {
  const endings = { 'a.png': 'grid', 'b/c.NPY': 'npy', 'd.idx': 'idx', 'train-images-idx3-ubyte': 'idx' };
  for (const [path, format] of Object.entries(endings)) expect(formatOfEnding(path)).toBe(format);
  for (const path of ['samples', 'a.jpg']) expect(() => formatOfEnding(path)).toThrow(/\.png .*\.npy, \.idx, -ubyte/);
});
