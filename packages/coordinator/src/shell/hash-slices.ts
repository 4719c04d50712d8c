import { setImmediate as nextTurn } from 'node:timers/promises';
import { Sha256 } from '@gantry/common';
import { SLICE_BYTES } from './constants.js';

/** SHA-256 in hex of a large buffer, with turns of the event loop in between: heartbeats are answered meanwhile. */
export async function hashInSlices(buffer: NodeJS.ArrayBufferView): Promise<string> {
  const hash = new Sha256();
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    if (at > 0) await nextTurn();
    hash.update(bytes.subarray(at, at + SLICE_BYTES));
  }
  return hash.hex();
}

/** Whether every value is a finite number, with turns of the event loop in between. */
export async function isFiniteInSlices(values: Float32Array): Promise<boolean> {
  const slice = SLICE_BYTES / Float32Array.BYTES_PER_ELEMENT;
  for (let from = 0; from < values.length; from += slice) {
    if (from > 0) await nextTurn();
    if (!isFiniteSlice(values, from, Math.min(from + slice, values.length))) return false;
  }
  return true;
}

function isFiniteSlice(values: Float32Array, from: number, end: number): boolean {
  // x − x is 0 for finite numbers, NaN otherwise, and NaN sticks.
  let sum = 0;
  for (let i = from; i < end; i++) sum += values[i]! - values[i]!;
  return sum === 0;
}
