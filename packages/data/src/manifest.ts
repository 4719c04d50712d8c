import { createHash } from 'node:crypto';

/** Bytes that one hash of a manifest covers: the unit in which data is checked, sent and cached. */
export const CHUNK_BYTES = 1 << 20;

/** What the bytes of a sample are: `uint8`, of which 0…255 means 0…1, or `float32`, little-endian, as the network gets them. */
export type SampleValues = 'uint8' | 'float32';

/** How samples were made of what the user has: plain data, to be shown and kept beside a run. */
export type Conversion = Readonly<Record<string, unknown>>;

/** What a data set is, so that two machines can tell that they hold the same one. */
export interface DatasetManifest {
  readonly id: string;
  readonly count: number;
  readonly sampleShape: readonly [number, number, number];
  readonly values: SampleValues;
  readonly classes: number;
  /** Bytes of one sample: all that whoever moves the data has to know of it. */
  readonly sampleBytes: number;
  readonly chunkBytes: number;
  /** SHA-256, in hex, of each {@link CHUNK_BYTES} of the samples' bytes in order. */
  readonly chunks: readonly string[];
  /** The same of the labels, a byte each; empty where there are none. */
  readonly labelChunks: readonly string[];
  /** SHA-256 over all of the above but the id: equal data, equal value, whatever it is called and was made of. */
  readonly sha256: string;
  /** Null: the samples are what the files hold. */
  readonly conversion: Conversion | null;
}

export type Described = Pick<DatasetManifest, 'id' | 'count' | 'sampleShape' | 'values' | 'classes' | 'conversion'>;

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The samples' or labels' bytes, `chunkAt` giving [from, to): a view that the next call may overwrite. */
interface Bytes {
  readonly bytes: number;
  readonly chunkAt: (from: number, to: number) => Uint8Array;
}

function hashChunks({ bytes, chunkAt }: Bytes): string[] {
  const chunks: string[] = [];
  for (let at = 0; at < bytes; at += CHUNK_BYTES) chunks.push(sha256(chunkAt(at, Math.min(at + CHUNK_BYTES, bytes))));
  return chunks;
}

/** Hashes samples and labels. */
export function describeDataset(about: Described, data: Bytes, labels: Uint8Array | null): DatasetManifest {
  const { id, conversion, ...rest } = about;
  const content = {
    ...rest,
    sampleBytes: data.bytes / about.count,
    chunkBytes: CHUNK_BYTES,
    chunks: hashChunks(data),
    labelChunks:
      labels === null ? [] : hashChunks({ bytes: labels.length, chunkAt: (from, to) => labels.subarray(from, to) }),
  };
  return { id, ...content, sha256: contentHash(content), conversion };
}

/** The hash that stands for `content`: a manifest without id, hash and conversion. */
export function contentHash(content: object): string {
  return sha256(JSON.stringify(content));
}
