import { shellQuote } from '@gantry/common';

/** What a person types to go on with a run. */
export function resumeCommand(runDirectory: string): string {
  return `npx gantry resume --out ${shellQuote(runDirectory)}`;
}
