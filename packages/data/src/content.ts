import { assert } from '@gantry/common';
import type { DatasetManifest } from './manifest.js';
import type { DataSource } from './source.js';

/**
 * A data set as whoever moves it sees it: the bytes of its samples, one after the other, then those of its labels, each of the
 * two cut into chunks. What a sample is does not matter here.
 */

type Content = Pick<DatasetManifest, 'count' | 'sampleBytes' | 'chunkBytes' | 'chunks' | 'labelChunks'>;

/** Where a chunk lies in the content. */
export interface ChunkPlace {
  /** Of its first byte. */
  readonly offset: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Chunks of samples: numbers below it are theirs, those from it on the labels'. */
export function sampleChunkCount({ chunks }: Content): number {
  return chunks.length;
}

export function chunkCount({ chunks, labelChunks }: Content): number {
  return chunks.length + labelChunks.length;
}

/** Bytes of samples and labels. */
export function totalBytes({ count, sampleBytes, labelChunks }: Content): number {
  return count * sampleBytes + (labelChunks.length > 0 ? count : 0);
}

/** @param chunk 0 … {@link chunkCount} − 1 */
export function chunkPlace(content: Content, chunk: number): ChunkPlace {
  const { count, sampleBytes, chunkBytes, chunks, labelChunks } = content;
  assert(chunk >= 0 && chunk < chunkCount(content), `no chunk ${chunk} of ${chunkCount(content)}`);
  const samples = count * sampleBytes;
  if (chunk < chunks.length) {
    const offset = chunk * chunkBytes;
    return { offset, bytes: Math.min(chunkBytes, samples - offset), sha256: chunks[chunk]! };
  }
  const within = (chunk - chunks.length) * chunkBytes;
  const sha256 = labelChunks[chunk - chunks.length]!;
  return { offset: samples + within, bytes: Math.min(chunkBytes, count - within), sha256 };
}

/** First and last chunk that sample `index` lies in. */
export function chunksOfSample({ sampleBytes, chunkBytes }: Content, index: number): readonly [number, number] {
  const from = index * sampleBytes;
  return [Math.floor(from / chunkBytes), Math.floor((from + sampleBytes - 1) / chunkBytes)];
}

/** Copies `into.length` bytes of the content of `source`, from byte `offset` on; they lie in one chunk. */
export function readContent(source: DataSource, content: Content, offset: number, into: Uint8Array): void {
  const { count, sampleBytes } = content;
  const samples = count * sampleBytes;
  assert(offset + into.length <= totalBytes(content), `${into.length} bytes at ${offset} of ${totalBytes(content)}`);
  if (offset >= samples) {
    into.set(source.labels!.subarray(offset - samples, offset - samples + into.length));
  } else if (source.pixels !== null) {
    into.set(source.pixels.subarray(offset, offset + into.length));
  } else {
    readSamples(source, sampleBytes, offset, into);
  }
}

/** From a source that gives one sample at a time. */
function readSamples(source: DataSource, sampleBytes: number, offset: number, into: Uint8Array): void {
  const sample = new Uint8Array(sampleBytes);
  for (let at = 0; at < into.length; ) {
    const index = Math.floor((offset + at) / sampleBytes);
    const within = offset + at - index * sampleBytes;
    source.read(index, sample, 0);
    const part = sample.subarray(within, within + into.length - at);
    into.set(part, at);
    at += part.length;
  }
}
