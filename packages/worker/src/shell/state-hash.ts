import { createCipheriv, createHash } from 'node:crypto';
import type { Parity, StateImages } from '../core/state-images.js';

/** Equal in all members; nobody has to be kept from forging a hash, for every worker may send any gradient. */
const KEY = Buffer.alloc(16);
const NONCE = Buffer.alloc(12);
/** OpenSSL takes lengths below 2 GiB. */
const SLICE_BYTES = 2 ** 30;

/** `stateSha256` of the committed state, in hex: over its sections in order, without a copy. */
export function hashState(images: StateImages, parity: Parity): string {
  const hash = createHash('sha256');
  for (const bytes of committedBytes(images, parity)) hash.update(bytes);
  return hash.digest('hex');
}

/**
 * 128 bits in hex over the same bytes, in a fraction of the time: GMAC, which every processor with AES instructions computes
 * at several GB/s. Two different states have the same one with a chance of their length in blocks over 2^128 (ADR 11).
 */
export function fingerprintState(images: StateImages, parity: Parity): string {
  return fingerprint(committedBytes(images, parity));
}

/** The same of a flat copy of the committed state. */
export function fingerprintFlat(state: Float32Array<ArrayBuffer>): string {
  return fingerprint([new Uint8Array(state.buffer, state.byteOffset, state.byteLength)]);
}

function fingerprint(parts: readonly Uint8Array[]): string {
  const mac = createCipheriv('aes-128-gcm', KEY, NONCE);
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SLICE_BYTES) mac.setAAD(part.subarray(at, at + SLICE_BYTES));
  }
  mac.final();
  return mac.getAuthTag().toString('hex');
}

function committedBytes(images: StateImages, parity: Parity): Uint8Array[] {
  return images
    .committed(parity)
    .map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
}
