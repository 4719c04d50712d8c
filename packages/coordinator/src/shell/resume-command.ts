import { shellQuote } from '@gantry/common';

/** What a person types to go on with a run; `command` is how they call Gantry. */
export function resumeCommand(command: string, runDirectory: string): string {
  return `${command} resume --out ${shellQuote(runDirectory)}`;
}

/** The same where workers of the run may wait for its next coordinator, with the `keys` of the one before. */
export function takeOverCommand(command: string, runDirectory: string, keys: string | undefined): string {
  const keyed = keys === undefined ? '' : ` --keys ${shellQuote(keys)}`;
  return `${command} coordinator --resume --out ${shellQuote(runDirectory)}${keyed}`;
}
