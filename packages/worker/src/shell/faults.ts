import { assertNever } from '@gantry/common';
import type { Fault } from '../core/fault.js';
import type { ShardInputs } from './step-inputs.js';

/** Does to this process what GANTRY_FAULT asks for: tests only (docs/testing.md). */
export function injectFault({ kind }: Fault, inputs: readonly ShardInputs[]): void {
  switch (kind) {
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
    default:
      assertNever(kind);
  }
}
