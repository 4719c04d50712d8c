import type { Samples } from '@gantry/common';
import { caption } from './captions.js';
import { blankPicture, enlarge, type Picture, paste } from './picture.js';

export interface GridOptions {
  /** Images in a row. */
  readonly columns: number;
  /** Pixels between images and around them, before scaling. @default 1 */
  readonly gap?: number;
  /** Every pixel becomes scale × scale. @default 1 */
  readonly scale?: number;
  /** Value of the gap, 0…255. @default 64 */
  readonly background?: number;
}

/** Images of one size. */
export interface ImageBatch {
  /** uint8 [count, height, width, channels]. */
  readonly data: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Lays images out in rows, from the left and the top. */
export function imageGrid(images: ImageBatch, options: GridOptions): Picture {
  const { count, height, width, channels, data } = images;
  const { columns, gap = 1, scale = 1, background = 64 } = options;
  const rows = Math.max(1, Math.ceil(count / columns));
  const grid = blankPicture({
    width: columns * (width + gap) + gap,
    height: rows * (height + gap) + gap,
    channels,
    value: background,
  });
  for (let index = 0; index < count; index++) {
    const left = gap + (index % columns) * (width + gap);
    const top = gap + Math.floor(index / columns) * (height + gap);
    const image = data.subarray(index * height * width * channels, (index + 1) * height * width * channels);
    paste(grid, { width, height, channels, data: image }, left, top);
  }
  return enlarge(grid, scale);
}

/** Pictures of one height beside each other, `gap` pixels between them. */
export function sideBySide(pictures: readonly Picture[], gap: number, background = 255): Picture {
  const { height, channels } = pictures[0]!;
  const width = pictures.reduce((sum, picture) => sum + picture.width, gap * (pictures.length - 1));
  const all = blankPicture({ width, height, channels, value: background });
  let left = 0;
  for (const picture of pictures) {
    paste(all, picture, left, 0);
    left += picture.width + gap;
  }
  return all;
}

/** A run's picture: the EMA's images (where one is kept), the raw generator's, real ones; each up to 8 × 8, doubled, with its name. */
export function samplesPicture(samples: Samples): Picture {
  const { count, height, width, channels, ema, raw, real } = samples;
  const shown = Math.min(count, 64);
  const columns = Math.min(8, shown);
  const panels = [
    { name: 'EMA', data: ema },
    { name: 'GENERATOR', data: raw },
    { name: 'REAL', data: real },
  ].filter(({ data }) => data.length > 0);
  return sideBySide(
    panels.map(({ name, data }) =>
      captioned(name, imageGrid({ data, count: shown, height, width, channels }, { columns, scale: 2 })),
    ),
    12,
  );
}

/** A picture under its name. */
function captioned(name: string, picture: Picture): Picture {
  const { width, channels } = picture;
  const title = caption(name, { width, channels });
  const all = blankPicture({ width, height: title.height + picture.height, channels, value: 255 });
  paste(all, title, 0, 0);
  paste(all, picture, 0, title.height);
  return all;
}

/** What PNG has: grey, or red, green and blue, with or without opacity (which is no meaning of a second channel). */
function visible(picture: Picture): Picture {
  const { width, height, channels, data } = picture;
  const shown = channels === 2 ? 1 : channels > 4 ? 3 : channels;
  if (shown === channels) return picture;
  const kept = new Uint8Array(width * height * shown);
  for (let i = 0; i < kept.length; i++) kept[i] = data[Math.floor(i / shown) * channels + (i % shown)]!;
  return { width, height, channels: shown, data: kept };
}

/** A picture as PNG: of data of 2 channels the first, of more than 4 the first three. Loads its encoder on first use. */
export async function encodePicture(picture: Picture): Promise<Uint8Array> {
  const { encode } = await import('fast-png');
  const { width, height, channels, data } = visible(picture);
  return encode({ width, height, channels, depth: 8, data });
}
