import type { Fault } from '@gantry/common';
import type { RunDirectory } from './run-directory.js';
import type { EarlierLosses } from './status-file.js';

/** What a run has before its loop. */
export interface RunParts {
  readonly directory: RunDirectory;
  readonly earlier: EarlierLosses;
  readonly fault: Fault | null;
}
