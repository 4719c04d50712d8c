import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodePicture, imageGrid } from '@gantry/coordinator';
import { usage } from './arguments.js';
import { idxHeader } from './formats/idx.js';
import { npyHeader } from './formats/npy.js';

export const SAMPLE_FORMATS = ['grid', 'png', 'npy', 'idx'] as const;
export type SampleFormat = (typeof SAMPLE_FORMATS)[number];

/** What endings of a file mean without `--format`; single files (`png`) go to a folder, which has none. */
const ENDINGS: readonly (readonly [RegExp, SampleFormat])[] = [
  [/\.png$/i, 'grid'],
  [/\.npy$/i, 'npy'],
  [/\.idx$|ubyte$/i, 'idx'],
];

/** @throws GantryError GANTRY_USAGE naming the endings that are known. */
export function formatOfEnding(path: string): SampleFormat {
  const known = ENDINGS.find(([ending]) => ending.test(path));
  if (known !== undefined) return known[1];
  return usage(
    `--to ${path} ends in none of .png (one picture), .npy, .idx, -ubyte: take one of these, ` +
      `or say --format ${SAMPLE_FORMATS.join(', ')} (png: a folder of pictures)`,
  );
}

/** What is known of the samples before the first is made. */
export interface SampleShape {
  readonly count: number;
  /** [height, width, channels] of one. */
  readonly imageShape: readonly [number, number, number];
}

/** Takes samples in order, uint8 [n, height, width, channels] at a time. */
export interface SampleWriter {
  write(images: Uint8Array, count: number): void | Promise<void>;
  /** Everything was written; only now is the file there. */
  finish(): void | Promise<void>;
  /** Something failed: leaves nothing behind. */
  discard(): void;
}

/** Images of a grid in a row at most: beyond it rows get too long to look at. */
const GRID_COLUMNS_MAX = 32;
const GRID_GAP = 2;

export function createSampleWriter(format: SampleFormat, path: string, shape: SampleShape): SampleWriter {
  if (format === 'png') return pngFolder(path, shape);
  mkdirSync(dirname(path), { recursive: true });
  if (format === 'grid') return gridFile(path, shape);
  const dimensions = arrayShape(shape);
  return arrayFile(path, format === 'npy' ? npyHeader(dimensions) : idxHeader(dimensions));
}

/** [N, H, W], and [N, H, W, C] where there is more than one channel. */
export function arrayShape({ count, imageShape }: SampleShape): number[] {
  const [height, width, channels] = imageShape;
  return channels === 1 ? [count, height, width] : [count, height, width, channels];
}

/** A header, then the samples as they come: any number of them fits. */
function arrayFile(path: string, header: Uint8Array): SampleWriter {
  const part = `${path}.part`;
  const file = openSync(part, 'w');
  writeSync(file, header);
  return {
    write: (images) => void writeSync(file, images),
    finish() {
      closeSync(file);
      renameSync(part, path);
    },
    discard() {
      closeSync(file);
      rmSync(part, { force: true });
    },
  };
}

function gridFile(path: string, { count, imageShape }: SampleShape): SampleWriter {
  const [height, width, channels] = imageShape;
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
      writeFileSync(`${path}.part`, await encodePicture(picture));
      renameSync(`${path}.part`, path);
    },
    discard() {},
  };
}

/** One file a sample, numbered from 0 with as many digits as the last one needs. */
function pngFolder(path: string, { count, imageShape }: SampleShape): SampleWriter {
  const [height, width, channels] = imageShape;
  const digits = Math.max(6, String(count - 1).length);
  const size = height * width * channels;
  mkdirSync(path, { recursive: true });
  let next = 0;
  return {
    async write(images, number) {
      for (let i = 0; i < number; i++, next++) {
        const data = images.subarray(i * size, (i + 1) * size);
        const name = `${String(next).padStart(digits, '0')}.png`;
        writeFileSync(join(path, name), await encodePicture({ data, height, width, channels }));
      }
    },
    finish() {},
    discard() {},
  };
}
