import { encode } from 'fast-png';

/** Images as uint8 [count, height, width, channels]; channels: 1 grey, 3 colour. */
export interface Images {
  readonly data: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** One picture as uint8 [height, width, channels]. */
export interface Picture {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Between the images of a grid: grey, so that neither black nor white images run into it. */
const GAP_VALUE = 128;

/** Lays images out row by row in `columns`, `gap` pixels apart and around; places without an image stay grey. */
export function grid(images: Images, options: { columns: number; gap: number }): Picture {
  const { count, height, width, channels } = images;
  const { columns, gap } = options;
  const rows = Math.ceil(count / columns);
  const gridWidth = gap + columns * (width + gap);
  const gridHeight = gap + rows * (height + gap);
  const data = new Uint8Array(gridHeight * gridWidth * channels).fill(GAP_VALUE);
  for (let image = 0; image < count; image++) {
    const top = gap + Math.floor(image / columns) * (height + gap);
    const left = gap + (image % columns) * (width + gap);
    for (let y = 0; y < height; y++) {
      const from = (image * height + y) * width * channels;
      data.set(images.data.subarray(from, from + width * channels), ((top + y) * gridWidth + left) * channels);
    }
  }
  return { data, height: gridHeight, width: gridWidth, channels };
}

/** Puts pictures of one height and channel count side by side, `gap` grey pixels apart. */
export function beside(pictures: readonly Picture[], gap: number): Picture {
  const height = Math.max(...pictures.map((picture) => picture.height));
  const channels = pictures[0]!.channels;
  const width = pictures.reduce((sum, picture) => sum + picture.width, gap * (pictures.length - 1));
  const data = new Uint8Array(height * width * channels).fill(GAP_VALUE);
  let left = 0;
  for (const picture of pictures) {
    const rowBytes = picture.width * channels;
    for (let y = 0; y < picture.height; y++) {
      data.set(picture.data.subarray(y * rowBytes, (y + 1) * rowBytes), (y * width + left) * channels);
    }
    left += picture.width + gap;
  }
  return { data, height, width, channels };
}

/** A picture as a PNG file. */
export function encodePng(picture: Picture): Uint8Array {
  return encode({ ...picture, depth: 8 });
}
