import { assertNever } from '@gantry/common';
import type { Fault } from '../core/fault.js';
import type { ShardInputs } from './step-inputs.js';

/** The highest bit of a float's fraction: a weight changes by up to half of itself. */
const FLIPPED_BIT = 1 << 22;

/** Does to this process, at the beginning of `update`, what GANTRY_FAULT asks for: tests only (docs/testing.md). */
export function injectFault(fault: Fault, update: number, inputs: readonly ShardInputs[]): void {
  if (fault.update !== update) return;
  switch (fault.kind) {
    case 'exit':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'hang':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0);
      return;
    case 'nan':
      // Into an input, so that what follows is what a real NaN would do.
      inputs[0]?.z.fill(Number.NaN);
      return;
    case 'flip':
      return;
    default:
      assertNever(fault.kind);
  }
}

/** The same when `update` is committed: one bit in the middle of D's weights, as a fault of the memory would. */
export function flipBit(fault: Fault, update: number, committed: readonly Float32Array[]): void {
  if (fault.kind !== 'flip' || fault.update !== update || fault.isSpent) return;
  fault.isSpent = true;
  const [weights] = committed;
  const bits = new Int32Array(weights!.buffer, weights!.byteOffset, weights!.length);
  bits[bits.length >> 1]! ^= FLIPPED_BIT;
}
