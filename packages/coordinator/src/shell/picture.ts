/** An 8-bit picture, rows from the top. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** uint8 [height, width, channels]. */
  readonly data: Uint8Array;
}

/** A picture of one value, 0…255. */
export function blankPicture(size: { width: number; height: number; channels: number; value: number }): Picture {
  const { width, height, channels, value } = size;
  return { width, height, channels, data: new Uint8Array(width * height * channels).fill(value) };
}

/** Copies a picture into a larger one of as many channels. */
export function paste(onto: Picture, picture: Picture, left: number, top: number): void {
  const bytes = picture.width * picture.channels;
  for (let row = 0; row < picture.height; row++) {
    const to = ((top + row) * onto.width + left) * onto.channels;
    onto.data.set(picture.data.subarray(row * bytes, (row + 1) * bytes), to);
  }
}

/** Every pixel becomes scale × scale. */
export function enlarge(picture: Picture, scale: number): Picture {
  if (scale === 1) return picture;
  const { width, height, channels, data } = picture;
  const large = blankPicture({ width: width * scale, height: height * scale, channels, value: 0 });
  for (let row = 0; row < large.height; row++) {
    for (let column = 0; column < large.width; column++) {
      const from = (Math.floor(row / scale) * width + Math.floor(column / scale)) * channels;
      const to = (row * large.width + column) * channels;
      for (let channel = 0; channel < channels; channel++) large.data[to + channel] = data[from + channel]!;
    }
  }
  return large;
}
