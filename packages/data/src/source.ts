import { assert } from '@gantry/common';
import { type Conversion, type DatasetManifest, describeDataset, type SampleValues } from './manifest.js';

export type Split = 'train' | 'test';

/** Where training samples come from: a fixed number of samples of one shape, found by index. */
export interface DataSource {
  /** For messages, with the split: `mnist/train`, or the images file, `/data/train-images-idx3-ubyte (train)`. */
  readonly id: string;
  readonly count: number;
  /** [height, width, channels] of a sample; a row of F features is [1, F, 1]. */
  readonly sampleShape: readonly [number, number, number];
  /** What a sample's bytes are; see {@link sampleBytes}. */
  readonly values: SampleValues;
  /** Number of classes; 0 where there are no labels. */
  readonly classes: number;
  /** Class of each sample [count], each below `classes`; null where there are none. */
  readonly labels: Uint8Array | null;
  /** Bytes of all samples, one after the other, where the source holds them in memory: lets readers skip a copy. */
  readonly pixels: Uint8Array | null;
  /** How samples were made of the user's files; null: they are what the files hold. */
  readonly conversion: Conversion | null;
  /** Copies the bytes of sample `index` into `into`, from byte `at` on. Allocates nothing. */
  read(index: number, into: Uint8Array, at: number): void;
  /** SHA-256 of every chunk. Computed at the first call (about 40 ms for 47 MB), then kept. */
  manifest(): DatasetManifest;
}

export interface MemorySourceOptions {
  readonly id: string;
  readonly sampleShape: readonly [number, number, number];
  readonly classes: number;
  readonly labels: Uint8Array | null;
  /** Bytes of all samples. Not copied. */
  readonly pixels: Uint8Array;
  /** @default 'uint8' */
  readonly values?: SampleValues;
  /** @default null */
  readonly conversion?: Conversion | null;
}

/** Numbers of a sample. */
export function sampleLength(shape: readonly [number, number, number]): number {
  return shape[0] * shape[1] * shape[2];
}

/** Bytes of a sample. */
export function sampleBytes(about: Pick<DataSource, 'sampleShape' | 'values'>): number {
  return sampleLength(about.sampleShape) * (about.values === 'float32' ? 4 : 1);
}

/** A data set that is held in memory as it lies in its file. */
export function createMemorySource(options: MemorySourceOptions): DataSource {
  const { id, sampleShape, classes, labels, pixels, values = 'uint8', conversion = null } = options;
  const bytes = sampleBytes({ sampleShape, values });
  const count = pixels.length / bytes;
  assert(Number.isInteger(count) && count > 0, `${id}: ${pixels.length} bytes are not whole samples of ${bytes}`);
  assert(labels === null || labels.length === count, `${id}: ${labels?.length} labels for ${count} samples`);
  const about = { id, count, sampleShape, values, classes, conversion };
  let manifest: DatasetManifest | null = null;
  return {
    ...about,
    labels,
    pixels,
    read(index, into, at) {
      // Not in the call of assert: the message would be made for every sample.
      if (!(index >= 0 && index < count)) assert(false, `${id} has no sample ${index}`);
      const from = index * bytes;
      // A loop, because set(subarray()) and Buffer.copy both make a view for every sample.
      for (let i = 0; i < bytes; i++) into[at + i] = pixels[from + i]!;
    },
    manifest() {
      const data = { bytes: pixels.length, chunkAt: (from: number, to: number) => pixels.subarray(from, to) };
      manifest ??= describeDataset(about, data, labels);
      return manifest;
    },
  };
}
