import { blankPicture, enlarge, type Picture } from './picture.js';

/** Dots between two letters, and above and below a caption. */
const SPACING = 1;
const MARGIN = 4;
const GLYPH_HEIGHT = 7;
const GLYPH_WIDTH = 5;

/** The letters that the captions of a run's picture need, 5 × 7 dots each. */
const GLYPHS: Readonly<Record<string, readonly string[]>> = {
  A: ['.###.', '#...#', '#...#', '#####', '#...#', '#...#', '#...#'],
  E: ['#####', '#....', '#....', '####.', '#....', '#....', '#####'],
  G: ['.###.', '#...#', '#....', '#.###', '#...#', '#...#', '.###.'],
  L: ['#....', '#....', '#....', '#....', '#....', '#....', '#####'],
  M: ['#...#', '##.##', '#.#.#', '#...#', '#...#', '#...#', '#...#'],
  N: ['#...#', '##..#', '#.#.#', '#..##', '#...#', '#...#', '#...#'],
  O: ['.###.', '#...#', '#...#', '#...#', '#...#', '#...#', '.###.'],
  R: ['####.', '#...#', '#...#', '####.', '#.#..', '#..#.', '#...#'],
  T: ['#####', '..#..', '..#..', '..#..', '..#..', '..#..', '..#..'],
};

/** A word in black on white, as large as `width` allows, up to double size; a narrower width cuts it off. */
export function caption(word: string, options: { width: number; channels: number }): Picture {
  const dots = word.length * (GLYPH_WIDTH + SPACING);
  const scale = options.width >= 2 * dots ? 2 : 1;
  const band = blankPicture({
    width: Math.ceil(options.width / scale),
    height: GLYPH_HEIGHT + 2 * MARGIN,
    channels: options.channels,
    value: 255,
  });
  [...word].forEach((letter, index) => {
    writeGlyph(band, GLYPHS[letter] ?? [], SPACING + index * (GLYPH_WIDTH + SPACING));
  });
  return cropWidth(enlarge(band, scale), options.width);
}

function writeGlyph(band: Picture, rows: readonly string[], left: number): void {
  // The fourth channel is opacity, which stays full.
  const colours = band.channels === 4 ? 3 : band.channels;
  rows.forEach((row, y) => {
    [...row].forEach((dot, x) => {
      const at = ((y + MARGIN) * band.width + left + x) * band.channels;
      if (dot === '#' && left + x < band.width) band.data.fill(0, at, at + colours);
    });
  });
}

function cropWidth(picture: Picture, width: number): Picture {
  if (picture.width === width) return picture;
  const { height, channels } = picture;
  const data = new Uint8Array(width * height * channels);
  for (let row = 0; row < height; row++) {
    const from = row * picture.width * channels;
    data.set(picture.data.subarray(from, from + width * channels), row * width * channels);
  }
  return { width, height, channels, data };
}
