import { assert } from '@gantry/common';
import { type DataSource, sampleBytes, sampleLength } from './source.js';

/** Typed arrays are views of little-endian bytes on such machines alone, which all are that Gantry's engines run on. */
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Whether bytes can be seen as 32-bit words in the order in which they are kept. */
export function canViewWords(bytes: Uint8Array): boolean {
  return LITTLE_ENDIAN && bytes.byteOffset % 4 === 0;
}

/** The bytes of float32 samples as numbers: a view, or a copy where they do not begin at a multiple of four. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  assert(LITTLE_ENDIAN, 'float32 samples on a big-endian machine');
  const aligned = canViewWords(bytes) ? bytes : Uint8Array.from(bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/** Numbers as the bytes that a source keeps. */
export function bytesOf(floats: Float32Array): Uint8Array {
  assert(LITTLE_ENDIAN, 'float32 samples on a big-endian machine');
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
}

/** Samples [first, end) of a source as the network gets them [end − first, numbers]: uint8 as 0…1, float32 as they are. */
export function readFloats(source: DataSource, first: number, end: number): Float32Array {
  const size = sampleBytes(source);
  const bytes = new Uint8Array((end - first) * size);
  for (let i = first; i < end; i++) source.read(i, bytes, (i - first) * size);
  return source.values === 'float32' ? floatsOf(bytes) : Float32Array.from(bytes, (byte) => byte / 255);
}

/** Sample `index` of a source as an 8-bit picture, written into `into` from `at` on; what lies outside of 0…1 is clamped. */
export function readPicture(source: DataSource, index: number, into: Uint8Array, at: number): void {
  if (source.values === 'uint8') {
    source.read(index, into, at);
    return;
  }
  const floats = readFloats(source, index, index + 1);
  for (let i = 0; i < sampleLength(source.sampleShape); i++) {
    into[at + i] = Math.round(Math.min(1, Math.max(0, floats[i]!)) * 255);
  }
}
