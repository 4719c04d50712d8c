import { createHash } from 'node:crypto';
import type { Parity, StateImages } from '../core/state-images.js';

/** `stateSha256` of the committed state, in hex: over its sections in order, without a copy. */
export function hashState(images: StateImages, parity: Parity): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of images.committed(parity)) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
