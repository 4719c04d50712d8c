import { expect, it } from 'vitest';
import { ShardLoader } from './loader.js';
import { createMemorySource, type DataSource } from './source.js';
import { bytesOf, floatsOf, readFloats, readPicture } from './values.js';

const floats = Float32Array.from({ length: 24 }, (_, i) => (i - 4) / 16);
const source = createMemorySource({
  id: 'floats',
  sampleShape: [1, 3, 1],
  classes: 0,
  labels: null,
  values: 'float32',
  pixels: bytesOf(floats),
});

it('a float source counts samples by their bytes, and says what they are', () => {
  expect(source.count).toBe(8);
  expect(source.manifest()).toMatchObject({ values: 'float32', sampleShape: [1, 3, 1], count: 8 });
});

it('bytes and numbers are the same thing, wherever they begin', () => {
  const shifted = new Uint8Array(97);
  shifted.set(bytesOf(floats), 1);
  expect(floatsOf(shifted.subarray(1))).toEqual(floats);
  expect(floatsOf(bytesOf(floats)).buffer).toBe(floats.buffer);
});

it('the loader gives float samples as they are, from memory or read one by one', () => {
  const streamed: DataSource = { ...source, pixels: null, read: source.read };
  for (const data of [source, streamed]) {
    const loader = new ShardLoader({ source: data, seed: 3, batch: 4, shards: 2 });
    const out = new Float32Array(7).fill(9);
    loader.fill(1, 1, out);
    const expected = [0, 1].flatMap((i) => {
      const index = loader.sampleIndex(1, 1, i);
      return [...floats.subarray(index * 3, index * 3 + 3)];
    });
    expect([...out]).toEqual([...expected, 9]);
  }
});

it('reads samples as floats, and as pictures that are clamped', () => {
  expect(readFloats(source, 2, 4)).toEqual(floats.subarray(6, 12));
  const picture = new Uint8Array(4);
  readPicture(source, 0, picture, 1);
  readPicture(source, 7, picture, 0);
  expect([...picture]).toEqual([255, 255, 255, 0]);
  const bytes = createMemorySource({ ...source, values: 'uint8', pixels: Uint8Array.of(0, 51, 255, 1, 2, 3) });
  expect([...readFloats(bytes, 0, 1)]).toEqual([0, Math.fround(0.2), 1]);
});

it('equal bytes of other values are another data set', () => {
  const bytes = createMemorySource({ ...source, sampleShape: [1, 12, 1], values: 'uint8', pixels: source.pixels! });
  expect(bytes.manifest().chunks).toEqual(source.manifest().chunks);
  expect(bytes.manifest().sha256).not.toBe(source.manifest().sha256);
});

it('what samples were made of is told, and does not make them others', () => {
  const converted = createMemorySource({ ...source, pixels: source.pixels!, conversion: { range: [0, 1] } });
  expect(converted.manifest().conversion).toEqual({ range: [0, 1] });
  expect(converted.manifest().sha256).toBe(source.manifest().sha256);
});
