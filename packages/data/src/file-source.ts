import { fstatSync, openSync, readSync } from 'node:fs';
import { assert } from '@gantry/common';
import { invalidFile } from './data-file.js';
import { parseIdxHeader } from './idx.js';
import { CHUNK_BYTES, type DatasetManifest, describeDataset } from './manifest.js';
import { type DataSource, type MemorySourceOptions, sampleLength } from './source.js';

/** Magic number and four sizes. */
const HEADER_BYTES_MAX = 20;

/**
 * Images of an IDX file that are read from it as they are needed: for sets that should not lie in the memory of every worker.
 * The system keeps in its memory what it has room for, once for all of them. The file stays open.
 * @throws GantryError GANTRY_DATASET_INVALID
 */
export function openIdxSource(
  path: string,
  options: Pick<MemorySourceOptions, 'id' | 'classes' | 'labels' | 'conversion'>,
): DataSource {
  const { id, classes, labels, conversion = null } = options;
  const file = openSync(path, 'r');
  const { size } = fstatSync(file);
  const head = Buffer.alloc(Math.min(HEADER_BYTES_MAX, size));
  readSync(file, head, 0, head.length, 0);
  const { shape, headerBytes } = parseIdxHeader(path, head, size, [3, 4]);
  const [count, height, width, channels = 1] = shape as [number, number, number, number?];
  assert(labels === null || labels.length === count, `${id}: ${labels?.length} labels for ${count} samples`);
  const sampleShape = [height, width, channels] as const;
  const bytes = sampleLength(sampleShape);
  const readAt = (into: Uint8Array, at: number, length: number, from: number): void => {
    for (let done = 0; done < length; ) {
      const read = readSync(file, into, at + done, length - done, headerBytes + from + done);
      if (read === 0) throw invalidFile(path, headerBytes + from + done, `${size} bytes`, 'the end of the file');
      done += read;
    }
  };
  const about = { id, count, sampleShape, values: 'uint8', classes, conversion } as const;
  let manifest: DatasetManifest | null = null;
  return {
    ...about,
    labels,
    pixels: null,
    read(index, into, at) {
      if (!(index >= 0 && index < count)) assert(false, `${id} has no sample ${index}`);
      readAt(into, at, bytes, index * bytes);
    },
    manifest() {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const chunkAt = (from: number, to: number): Uint8Array => {
        readAt(chunk, 0, to - from, from);
        return chunk.subarray(0, to - from);
      };
      manifest ??= describeDataset(about, { bytes: count * bytes, chunkAt }, labels);
      return manifest;
    },
  };
}
