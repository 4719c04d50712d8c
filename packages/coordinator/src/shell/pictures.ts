import type { Samples } from '@gantry/common';

/** An 8-bit picture, rows from the top. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** uint8 [height, width, channels]. */
  readonly data: Uint8Array;
}

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
  const grid = blank(columns * (width + gap) + gap, rows * (height + gap) + gap, channels, background);
  for (let index = 0; index < count; index++) {
    const left = gap + (index % columns) * (width + gap);
    const top = gap + Math.floor(index / columns) * (height + gap);
    const image = data.subarray(index * height * width * channels, (index + 1) * height * width * channels);
    paste(grid, { width, height, channels, data: image }, left, top);
  }
  return scale === 1 ? grid : enlarge(grid, scale);
}

/** Pictures of one height beside each other, `gap` pixels between them. */
export function sideBySide(pictures: readonly Picture[], gap: number, background = 255): Picture {
  const { height, channels } = pictures[0]!;
  const width = pictures.reduce((sum, picture) => sum + picture.width, gap * (pictures.length - 1));
  const all = blank(width, height, channels, background);
  let left = 0;
  for (const picture of pictures) {
    paste(all, picture, left, 0);
    left += picture.width + gap;
  }
  return all;
}

/** A run's picture: the EMA's images (where one is kept), the raw generator's, real ones; each up to 8 × 8, doubled. */
export function samplesPicture(samples: Samples): Picture {
  const { count, height, width, channels, ema, raw, real } = samples;
  const shown = Math.min(count, 64);
  const columns = Math.min(8, shown);
  const panels = [ema, raw, real]
    .filter((data) => data.length > 0)
    .map((data) => imageGrid({ data, count: shown, height, width, channels }, { columns, scale: 2 }));
  return sideBySide(panels, 12);
}

/** A picture as PNG, 1 to 4 channels. Loads its encoder on first use. */
export async function encodePicture(picture: Picture): Promise<Uint8Array> {
  const { encode } = await import('fast-png');
  const { width, height, channels, data } = picture;
  return encode({ width, height, channels, depth: 8, data });
}

function blank(width: number, height: number, channels: number, value: number): Picture {
  return { width, height, channels, data: new Uint8Array(width * height * channels).fill(value) };
}

function paste(onto: Picture, picture: Picture, left: number, top: number): void {
  const bytes = picture.width * picture.channels;
  for (let row = 0; row < picture.height; row++) {
    const to = ((top + row) * onto.width + left) * onto.channels;
    onto.data.set(picture.data.subarray(row * bytes, (row + 1) * bytes), to);
  }
}

function enlarge(picture: Picture, scale: number): Picture {
  const { width, height, channels, data } = picture;
  const large = blank(width * scale, height * scale, channels, 0);
  for (let row = 0; row < large.height; row++) {
    for (let column = 0; column < large.width; column++) {
      const from = (Math.floor(row / scale) * width + Math.floor(column / scale)) * channels;
      const to = (row * large.width + column) * channels;
      for (let channel = 0; channel < channels; channel++) large.data[to + channel] = data[from + channel]!;
    }
  }
  return large;
}
