import { shellQuote } from '@gantry/common';

/** What a person types to go on with a run; `command` is how they call Gantry. */
export function resumeCommand(command: string, runDirectory: string): string {
  return `${command} resume --out ${shellQuote(runDirectory)}`;
}

/** The same where workers of the run may wait for its next coordinator. */
export function takeOverCommand(command: string, runDirectory: string): string {
  return `${command} coordinator --resume --out ${shellQuote(runDirectory)}`;
}
