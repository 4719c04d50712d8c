import { describe, expect, it } from 'vitest';
import { ShardLoader } from './loader.js';
import { createMemorySource, type DataSource } from './source.js';

function source(count: number, shape: [number, number, number] = [4, 4, 1]): DataSource {
  const size = shape[0] * shape[1] * shape[2];
  const pixels = Uint8Array.from({ length: count * size }, (_, i) => ((i * 97) >>> 3) % 256);
  pixels.subarray(0, size).fill(0);
  return createMemorySource({ id: 'test', sampleShape: shape, classes: 0, labels: null, pixels });
}

/** The same data, as a source that does not hold it in memory. */
function streamed(inner: DataSource): DataSource {
  return { ...inner, pixels: null, read: inner.read };
}

function batch(loader: ShardLoader, shards: number, index: number): Float32Array {
  const size = loader.samples * loader.sampleFloats;
  const out = new Float32Array(size * shards);
  for (let s = 0; s < shards; s++) loader.fill(index, s, out.subarray(s * size, (s + 1) * size));
  return out;
}

describe('ShardLoader', () => {
  it('gives the same global batch whatever the number of shards', () => {
    for (const data of [source(37), source(37, [3, 3, 1]), streamed(source(37))]) {
      for (const index of [0, 1, 5, 1000]) {
        const whole = batch(new ShardLoader({ source: data, seed: 1, batch: 12, shards: 1 }), 1, index);
        for (const shards of [2, 3, 4, 6, 12]) {
          const loader = new ShardLoader({ source: data, seed: 1, batch: 12, shards });
          expect(batch(loader, shards, index)).toEqual(whole);
        }
      }
    }
  });

  it('shows every sample once an epoch, also where the batch is larger than the data', () => {
    for (const [count, size] of [
      [37, 12],
      [5, 12],
      [1, 4],
    ] as const) {
      const loader = new ShardLoader({ source: source(count), seed: 2, batch: size, shards: 2 });
      const times = new Array<number>(count).fill(0);
      const batches = count; // count batches of `size` are `size` whole epochs
      for (let b = 0; b < batches; b++) {
        for (let s = 0; s < 2; s++) for (let i = 0; i < size / 2; i++) times[loader.sampleIndex(b, s, i)]!++;
      }
      expect(times).toEqual(new Array(count).fill(size));
    }
  });

  it('scales bytes exactly: v/255 by default, or as asked', () => {
    const pixels = Uint8Array.from({ length: 256 }, (_, i) => i);
    const data = createMemorySource({ id: 't', sampleShape: [16, 16, 1], classes: 0, labels: null, pixels });
    const out = new Float32Array(256);
    new ShardLoader({ source: data, seed: 0, batch: 1, shards: 1 }).fill(0, 0, out);
    expect([...out]).toEqual(Array.from(pixels, (v) => Math.fround(v / 255)));
    new ShardLoader({ source: data, seed: 0, batch: 1, shards: 1, scale: 2 / 255, shift: -1 }).fill(3, 0, out);
    expect([out[0], out[255]]).toEqual([-1, 1]);
  });

  it('overwrites what was there, and nothing beyond the shard', () => {
    const loader = new ShardLoader({ source: source(1), seed: 0, batch: 2, shards: 1 });
    const out = new Float32Array(40).fill(7);
    loader.fill(0, 0, out);
    expect([...out]).toEqual([...new Array(32).fill(0), ...new Array(8).fill(7)]);
    expect(() => loader.fill(0, 1, out)).toThrow(/no shard 1/);
    expect(() => loader.fill(0, 0, new Float32Array(31))).toThrow(/too few/);
  });

  it('refuses a batch that the shards do not divide', () => {
    expect(() => new ShardLoader({ source: source(4), seed: 0, batch: 10, shards: 4 })).toThrow(/10 in 4 shards/);
  });
});
