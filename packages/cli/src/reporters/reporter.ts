import type { RunEvent } from '@gantry/coordinator';

/** Shows a run to whoever looks on. */
export interface Reporter {
  event(event: RunEvent): void;
  /** A sentence that is about the command, not an event of the run. */
  note(text: string): void;
  /** Whether an `error` event is shown as such; if not, the command prints the error when it ends. */
  readonly showsErrors: boolean;
  /** Leaves the terminal as it was found. Nothing is shown after it. */
  close(): void;
}

export type ProgressEvent = Extract<RunEvent, { event: 'progress' }>;
export type DoneEvent = Extract<RunEvent, { event: 'done' }>;
