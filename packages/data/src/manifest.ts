import { createHash } from 'node:crypto';

/** Bytes that one hash of a manifest covers: the unit in which data is checked and sent. */
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
  readonly chunkBytes: number;
  /** SHA-256, in hex, of each {@link CHUNK_BYTES} of the samples' bytes in order. */
  readonly chunks: readonly string[];
  /** SHA-256 of the labels, in hex; null where there are none. */
  readonly labelsSha256: string | null;
  /** SHA-256 over all of the above but the id: equal data, equal value, whatever it is called and was made of. */
  readonly sha256: string;
  /** Null: the samples are what the files hold. */
  readonly conversion: Conversion | null;
}

export type Described = Pick<DatasetManifest, 'id' | 'count' | 'sampleShape' | 'values' | 'classes' | 'conversion'>;

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * Hashes samples and labels.
 * @param chunkAt the samples' bytes [from, to); a view that the next call may overwrite
 */
export function describeDataset(
  about: Described,
  data: { readonly bytes: number; readonly chunkAt: (from: number, to: number) => Uint8Array },
  labels: Uint8Array | null,
): DatasetManifest {
  const chunks: string[] = [];
  for (let at = 0; at < data.bytes; at += CHUNK_BYTES) {
    chunks.push(sha256(data.chunkAt(at, Math.min(at + CHUNK_BYTES, data.bytes))));
  }
  const { id, conversion, ...rest } = about;
  const content = {
    ...rest,
    chunkBytes: CHUNK_BYTES,
    chunks,
    labelsSha256: labels === null ? null : sha256(labels),
  };
  return { id, ...content, sha256: sha256(JSON.stringify(content)), conversion };
}
