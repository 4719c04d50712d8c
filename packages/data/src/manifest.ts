import { createHash } from 'node:crypto';

/** Bytes that one hash of a manifest covers: the unit in which data is checked and sent. */
export const CHUNK_BYTES = 1 << 20;

/** What a data set is, so that two machines can tell that they hold the same one. */
export interface DatasetManifest {
  readonly id: string;
  readonly count: number;
  readonly sampleShape: readonly [number, number, number];
  readonly classes: number;
  readonly chunkBytes: number;
  /** SHA-256, in hex, of each {@link CHUNK_BYTES} of the samples' bytes in order. */
  readonly chunks: readonly string[];
  /** SHA-256 of the labels, in hex; null where there are none. */
  readonly labelsSha256: string | null;
  /** SHA-256 over all of the above but the id: equal data, equal value, whatever it is called. */
  readonly sha256: string;
}

type Described = Pick<DatasetManifest, 'id' | 'count' | 'sampleShape' | 'classes'>;

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Hashes samples and labels. */
export function describeDataset(about: Described, pixels: Uint8Array, labels: Uint8Array | null): DatasetManifest {
  const chunks: string[] = [];
  for (let at = 0; at < pixels.length; at += CHUNK_BYTES) chunks.push(sha256(pixels.subarray(at, at + CHUNK_BYTES)));
  const content = {
    count: about.count,
    sampleShape: about.sampleShape,
    classes: about.classes,
    chunkBytes: CHUNK_BYTES,
    chunks,
    labelsSha256: labels === null ? null : sha256(labels),
  };
  return { id: about.id, ...content, sha256: sha256(JSON.stringify(content)) };
}
