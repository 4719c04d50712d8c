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

/** JSON lines for machines, a bar on a terminal, plain lines elsewhere. */
export async function createReporter(options: { json: boolean }): Promise<Reporter> {
  if (options.json) return (await import('./json-reporter.js')).createJsonReporter();
  if (process.stderr.isTTY === true) return (await import('./bar-reporter.js')).createBarReporter();
  return (await import('./plain-reporter.js')).createPlainReporter();
}
