import { createHash } from 'node:crypto';

/** Bytes that one hash of a manifest covers: the unit in which data is checked, sent and cached. */
export const CHUNK_BYTES = 1 << 20;

/** What a data set is, so that two machines can tell that they hold the same one. */
export interface DatasetManifest {
  readonly id: string;
  readonly count: number;
  readonly sampleShape: readonly [number, number, number];
  readonly classes: number;
  /** Bytes of one sample: all that whoever moves the data has to know of it. */
  readonly sampleBytes: number;
  readonly chunkBytes: number;
  /** SHA-256, in hex, of each {@link CHUNK_BYTES} of the samples' bytes in order. */
  readonly chunks: readonly string[];
  /** The same of the labels, a byte each; empty where there are none. */
  readonly labelChunks: readonly string[];
  /** SHA-256 over all of the above but the id: equal data, equal value, whatever it is called. */
  readonly sha256: string;
}

type Described = Pick<DatasetManifest, 'id' | 'count' | 'sampleShape' | 'classes'>;

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function hashChunks(bytes: Uint8Array): string[] {
  const chunks: string[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) chunks.push(sha256(bytes.subarray(at, at + CHUNK_BYTES)));
  return chunks;
}

/** Hashes samples and labels. */
export function describeDataset(about: Described, pixels: Uint8Array, labels: Uint8Array | null): DatasetManifest {
  const content = {
    count: about.count,
    sampleShape: about.sampleShape,
    classes: about.classes,
    sampleBytes: pixels.length / about.count,
    chunkBytes: CHUNK_BYTES,
    chunks: hashChunks(pixels),
    labelChunks: labels === null ? [] : hashChunks(labels),
  };
  return { id: about.id, ...content, sha256: contentHash(content) };
}

/** The hash that stands for `content`: a manifest without its id and its hash. */
export function contentHash(content: object): string {
  return sha256(JSON.stringify(content));
}
