import { assert } from '@gantry/common';
import { type DatasetManifest, describeDataset } from './manifest.js';

export type Split = 'train' | 'test';

/** Where training samples come from: a fixed number of samples of one shape, found by index. */
export interface DataSource {
  /** For messages, with the split: `mnist/train`, or the images file, `/data/train-images-idx3-ubyte (train)`. */
  readonly id: string;
  readonly count: number;
  /** [height, width, channels] of a sample. */
  readonly sampleShape: readonly [number, number, number];
  /** Number of classes; 0 where there are no labels. */
  readonly classes: number;
  /** Class of each sample [count], each below `classes`; null where there are none. */
  readonly labels: Uint8Array | null;
  /** All samples [count, h, w, c], one after the other, where the source holds them in memory: lets readers skip a copy. */
  readonly pixels: Uint8Array | null;
  /** Copies sample `index` into `into`, from byte `at` on. Allocates nothing. */
  read(index: number, into: Uint8Array, at: number): void;
  /** SHA-256 of every chunk. Computed at the first call (about 40 ms for 47 MB), then kept. */
  manifest(): DatasetManifest;
}

export interface MemorySourceOptions {
  readonly id: string;
  readonly sampleShape: readonly [number, number, number];
  readonly classes: number;
  readonly labels: Uint8Array | null;
  /** [count, h, w, c]. Not copied. */
  readonly pixels: Uint8Array;
}

/** A data set that is held in memory as it lies in its file. */
export function createMemorySource(options: MemorySourceOptions): DataSource {
  const { id, sampleShape, classes, labels, pixels } = options;
  const sampleBytes = sampleShape[0] * sampleShape[1] * sampleShape[2];
  const count = pixels.length / sampleBytes;
  assert(Number.isInteger(count) && count > 0, `${id}: ${pixels.length} bytes are not whole samples of ${sampleBytes}`);
  assert(labels === null || labels.length === count, `${id}: ${labels?.length} labels for ${count} samples`);
  let manifest: DatasetManifest | null = null;
  return {
    id,
    count,
    sampleShape,
    classes,
    labels,
    pixels,
    read(index, into, at) {
      // Not in the call of assert: the message would be made for every sample.
      if (!(index >= 0 && index < count)) assert(false, `${id} has no sample ${index}`);
      const from = index * sampleBytes;
      // A loop, because set(subarray()) and Buffer.copy both make a view for every sample.
      for (let i = 0; i < sampleBytes; i++) into[at + i] = pixels[from + i]!;
    },
    manifest() {
      manifest ??= describeDataset({ id, count, sampleShape, classes }, pixels, labels);
      return manifest;
    },
  };
}
