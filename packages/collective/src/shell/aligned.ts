import koffi from 'koffi';
import { CACHE_LINE_BYTES } from '../constants.js';

/**
 * Zeroed memory that begins on a cache line, as mapped memory does; an ArrayBuffer of its own begins 16 bytes after one. Copying
 * takes three times as long where the target lies less than a cache line beyond the source, counted within their pages:
 * between aligned vectors that cannot be.
 */
export function alignedMemory(byteLength: number): { readonly buffer: ArrayBuffer; readonly byteOffset: number } {
  const buffer = new ArrayBuffer(byteLength + CACHE_LINE_BYTES);
  const beyond = Number(koffi.address(new Uint8Array(buffer)) % BigInt(CACHE_LINE_BYTES));
  return { buffer, byteOffset: (CACHE_LINE_BYTES - beyond) % CACHE_LINE_BYTES };
}

export function alignedFloats(length: number): Float32Array {
  const { buffer, byteOffset } = alignedMemory(length * Float32Array.BYTES_PER_ELEMENT);
  return new Float32Array(buffer, byteOffset, length);
}
