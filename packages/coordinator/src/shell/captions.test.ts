import { describe, expect, it } from 'vitest';
import { caption } from './captions.js';
import { samplesPicture } from './pictures.js';

/** Rows of a picture's first channel, black as #. */
function rows(picture: { width: number; height: number; channels: number; data: Uint8Array }): string[] {
  return Array.from({ length: picture.height }, (_, y) =>
    Array.from({ length: picture.width }, (__, x) =>
      picture.data[(y * picture.width + x) * picture.channels] === 0 ? '#' : '.',
    ).join(''),
  );
}

describe('caption', () => {
  it('writes letters beside each other', () => {
    const lines = rows(caption('TL', { width: 13, channels: 1 })).slice(4, 11);
    expect(lines).toEqual([
      '.#####.#.....',
      '...#...#.....',
      '...#...#.....',
      '...#...#.....',
      '...#...#.....',
      '...#...#.....',
      '...#...#####.',
    ]);
  });

  it('is doubled where there is room, and exactly as wide as asked', () => {
    const wide = caption('EMA', { width: 101, channels: 3 });
    expect(wide).toMatchObject({ width: 101, height: 30, channels: 3 });
    expect(caption('GENERATOR', { width: 20, channels: 1 })).toMatchObject({ width: 20, height: 15 });
  });

  it('leaves opacity alone', () => {
    const { data } = caption('M', { width: 8, channels: 4 });
    expect(data.filter((_, i) => i % 4 === 3).every((value) => value === 255)).toBe(true);
    expect(data.filter((_, i) => i % 4 === 0).some((value) => value === 0)).toBe(true);
  });
});

describe("a run's picture", () => {
  const one = new Uint8Array([200, 200, 200, 200]);
  const sizes = { kind: 'samples', step: 1, count: 1, height: 2, width: 2, channels: 1 } as const;

  it('has a panel with a name for each of EMA, generator and real', () => {
    const three = samplesPicture({ ...sizes, ema: one, raw: one, real: one });
    const two = samplesPicture({ ...sizes, ema: new Uint8Array(0), raw: one, real: one });
    // A panel: gap, image and gap, doubled; twelve pixels between two.
    const panel = 2 * (1 + 2 + 1);
    expect(three.width).toBe(3 * panel + 24);
    expect(two.width).toBe(2 * panel + 12);
    expect(three.height).toBe(15 + panel);
  });
});
