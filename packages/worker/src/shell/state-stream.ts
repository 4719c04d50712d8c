import { createHash } from 'node:crypto';
import { type Message, STATE_CHUNK_BYTES_MAX } from '@gantry/common';

/**
 * The StateChunks of one state, hashed as they are made; the last one carries the hash.
 *
 * @param encode Puts a message into an envelope.
 * @param onHash Called with the SHA-256 before the last chunk is yielded.
 */
export function* stateChunks(
  state: { readonly update: number; readonly bytes: Uint8Array },
  encode: (message: Message) => Uint8Array,
  onHash: (sha256: string) => void,
): Generator<Uint8Array> {
  const { update, bytes } = state;
  const hash = createHash('sha256');
  for (let offset = 0; offset < bytes.length; offset += STATE_CHUNK_BYTES_MAX) {
    const data = bytes.subarray(offset, offset + STATE_CHUNK_BYTES_MAX);
    hash.update(data);
    const last = offset + data.length === bytes.length;
    const sha256 = last ? hash.digest('hex') : '';
    if (last) onHash(sha256);
    yield encode({ kind: 'stateChunk', stateUpdate: update, offset, totalBytes: bytes.length, data, sha256 });
  }
}
