import { join } from 'node:path';
import { shellQuote } from '@gantry/common';
import type { RunResult } from '@gantry/coordinator';
import { isLaunched } from './leave-on-eof.js';
import { ownCommand } from './own-command.js';
import type { Reporter } from './reporters/reporter.js';

/** What a person can do with a run that has come to its end, or to a stop. */
export function noteResult(result: RunResult, runDirectory: string, reporter: Reporter): void {
  // Whoever launched it says this in its own words.
  if (isLaunched()) return;
  reporter.note(`pictures    ${join(runDirectory, 'samples')}`);
  reporter.note(`for more    ${ownCommand()} generate --out ${shellQuote(runDirectory)} --to samples.png`);
  if (result.interrupted) reporter.note(`to go on    ${result.resumeCommand}`);
}
