import { assertNever, type Fault } from '@gantry/common';
import type { ShardInputs } from './step-inputs.js';

/** The highest bit of a float's fraction: a weight changes by up to half of itself. */
const FLIPPED_BIT = 1 << 22;

/** What a shard's gradients take longer. */
const SLOW_MS = 15;

function wait(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, ms);
}

/** Does to this process, at the beginning of `update`, what GANTRY_FAULT asks for: tests only (docs/testing.md). */
export function injectFault(fault: Fault, update: number, inputs: readonly ShardInputs[]): void {
  const isLasting = fault.kind === 'slow';
  if (isLasting ? update < fault.update : update !== fault.update) return;
  switch (fault.kind) {
    case 'exit':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'hang':
      wait(Number.POSITIVE_INFINITY);
      return;
    case 'slow':
      wait(SLOW_MS * inputs.length);
      return;
    case 'nan':
      // Into an input, so that what follows is what a real NaN would do.
      inputs[0]?.z.fill(Number.NaN);
      return;
    case 'flip':
    case 'chunk':
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
