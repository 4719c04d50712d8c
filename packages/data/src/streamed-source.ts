import { assert, GantryError } from '@gantry/common';
import { chunksOfSample, sampleChunkCount } from './content.js';
import type { DatasetManifest } from './manifest.js';
import { sampleBytes as bytesOf, createMemorySource, type DataSource } from './source.js';

/** Where chunks lie in memory as they arrive. */
export interface StreamedMemory {
  /** Places of `chunkBytes` each: first those of the samples' chunks, behind them one for each chunk of labels, in order. */
  readonly bytes: Uint8Array;
  /** Place of each chunk; −1: it is not here. Written by whoever fills the places. */
  readonly placeOf: Int32Array;
  /** Places for chunks of samples. As many as there are chunks: each lies at its own, and none ever leaves. */
  readonly samplePlaces: number;
}

/**
 * A data set of which chunks come and go. Whoever reads a sample, or the labels, has seen to it that their chunks are here.
 *
 * @throws GantryError GANTRY_DATASET_INVALID where samples of that shape have other bytes than the manifest says
 */
export function createStreamedSource(manifest: DatasetManifest, memory: StreamedMemory): DataSource {
  const { id, count, sampleShape, values, classes, sampleBytes, labelChunks, chunkBytes, conversion } = manifest;
  if (bytesOf(manifest) !== sampleBytes) {
    const message = `the data set ${id} has ${sampleBytes} bytes a sample of ${sampleShape.join('×')} ${values}`;
    throw new GantryError('GANTRY_DATASET_INVALID', message);
  }
  const labelsAt = memory.samplePlaces * chunkBytes;
  const labels = labelChunks.length === 0 ? null : memory.bytes.subarray(labelsAt, labelsAt + count);
  const about = { id, sampleShape, values, classes, labels, conversion };
  if (memory.samplePlaces === sampleChunkCount(manifest)) {
    const pixels = memory.bytes.subarray(0, count * sampleBytes);
    return { ...createMemorySource({ ...about, pixels }), manifest: () => manifest };
  }
  const read = (index: number, into: Uint8Array, at: number): void => readPlaced(manifest, memory, index, into, at);
  return { ...about, count, pixels: null, read, manifest: () => manifest };
}

/** A sample lies in one chunk, or in some that follow one another in the content, not in memory. */
function readPlaced(
  manifest: DatasetManifest,
  { bytes, placeOf }: StreamedMemory,
  index: number,
  into: Uint8Array,
  at: number,
): void {
  const { id, count, sampleBytes, chunkBytes } = manifest;
  if (!(index >= 0 && index < count)) assert(false, `${id} has no sample ${index}`);
  const [first, last] = chunksOfSample(manifest, index);
  const from = index * sampleBytes;
  for (let chunk = first; chunk <= last; chunk++) {
    const place = Atomics.load(placeOf, chunk);
    if (place < 0) assert(false, `chunk ${chunk} of ${id} is read before it is here`);
    const begin = Math.max(from, chunk * chunkBytes);
    const end = Math.min(from + sampleBytes, (chunk + 1) * chunkBytes);
    const source = (place - chunk) * chunkBytes + begin;
    const target = at + begin - from;
    for (let i = 0; i < end - begin; i++) into[target + i] = bytes[source + i]!;
  }
}
