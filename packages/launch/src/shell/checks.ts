import { GantryError } from '@gantry/common';
import type { Check } from '../core/plan.js';
import type { LaunchEvents } from './launch-events.js';
import { run } from './processes.js';

/** Runs all checks at once. @throws GantryError GANTRY_LAUNCH_FAILED with everything that is wrong, and what to do about it */
export async function runChecks(checks: readonly Check[], events: LaunchEvents): Promise<void> {
  if (checks.length === 0) return;
  const problems = (await Promise.all(checks.map(problemOf))).filter((problem) => problem !== null);
  if (problems.length > 0)
    throw new GantryError('GANTRY_LAUNCH_FAILED', `nothing was started:\n${problems.join('\n')}`);
  events.note(`checked     ${checks.map(({ what }) => what).join(', ')}`);
}

async function problemOf({ what, command, expects, remedy }: Check): Promise<string | null> {
  const { code, output, lastWords } = await run(command);
  if (code !== 0) return `  ${what}: ${lastWords || `ended with ${code}`}. ${remedy}`;
  if (expects === undefined || output.includes(expects)) return null;
  return `  ${what}: printed ${output.trim().slice(0, 200)}, not ${expects}. ${remedy}`;
}
