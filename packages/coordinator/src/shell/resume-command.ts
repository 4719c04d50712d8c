import { shellQuote } from '@gantry/common';

/** What a person types to go on with a run; `command` is how they call Gantry. */
export function resumeCommand(command: string, runDirectory: string): string {
  return `${command} resume --out ${shellQuote(runDirectory)}`;
}
