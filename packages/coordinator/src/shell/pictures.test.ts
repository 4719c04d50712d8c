import { decode } from 'fast-png';
import { expect, it } from 'vitest';
import { encodePicture, type ImageBatch, imageGrid, sideBySide } from './pictures.js';

// Three images of 1×2 pixels, one channel.
const images = { data: new Uint8Array([1, 2, 3, 4, 5, 6]), count: 3, height: 1, width: 2, channels: 1 };
const g = 128;
const grid = (batch: ImageBatch, options: { columns: number; gap: number }) =>
  imageGrid(batch, { ...options, background: g });

it('lays images out by rows with gaps around, an empty place grey', () => {
  const picture = grid(images, { columns: 2, gap: 1 });
  expect(picture).toMatchObject({ height: 5, width: 7, channels: 1 });
  const rows = Array.from({ length: 5 }, (_, y) => [...picture.data.subarray(y * 7, y * 7 + 7)]);
  expect(rows).toEqual([
    [g, g, g, g, g, g, g],
    [g, 1, 2, g, 3, 4, g],
    [g, g, g, g, g, g, g],
    [g, 5, 6, g, g, g, g],
    [g, g, g, g, g, g, g],
  ]);
});

it('keeps the channels of colour images together', () => {
  const colour = { data: new Uint8Array([1, 2, 3, 4, 5, 6]), count: 2, height: 1, width: 1, channels: 3 };
  expect([...grid(colour, { columns: 2, gap: 0 }).data]).toEqual([1, 2, 3, 4, 5, 6]);
});

it('puts grids beside each other', () => {
  const one = grid(images, { columns: 1, gap: 0 });
  const both = sideBySide([one, one], 1, g);
  expect(both).toMatchObject({ height: 3, width: 5 });
  expect([...both.data.subarray(5, 10)]).toEqual([3, 4, g, 3, 4]);
});

it('shows the first channels of data that has more than a PNG', async () => {
  const pixels = (channels: number) => Uint8Array.from({ length: 2 * channels }, (_, i) => i);
  const encode = async (channels: number) =>
    decode(await encodePicture({ width: 2, height: 1, channels, data: pixels(channels) }));
  expect(await encode(2)).toMatchObject({ channels: 1, data: new Uint8Array([0, 2]) });
  expect(await encode(6)).toMatchObject({ channels: 3, data: new Uint8Array([0, 1, 2, 6, 7, 8]) });
});

it('writes a PNG that decodes to the same pixels', async () => {
  const picture = grid(images, { columns: 3, gap: 1 });
  const decoded = decode(await encodePicture(picture));
  expect(decoded).toMatchObject({ width: picture.width, height: picture.height, channels: 1, depth: 8 });
  expect([...decoded.data]).toEqual([...picture.data]);
});
