import { GantryError } from '@gantry/common';
import type { Check } from '../core/plan.js';
import type { LaunchEvents } from './launch-events.js';
import { run } from './processes.js';

/**
 * Runs all checks at once, but for those that come after others.
 * @throws GantryError GANTRY_LAUNCH_FAILED with everything that is wrong, each told once, and what to do about it
 */
export async function runChecks(checks: readonly Check[], events: LaunchEvents): Promise<void> {
  if (checks.length === 0) return;
  const problems = await problemsOf(checks);
  if (problems.length > 0)
    throw new GantryError('GANTRY_LAUNCH_FAILED', `nothing was started:\n${problems.join('\n')}`);
  events.note(`checked     ${checks.map(({ what }) => what).join(', ')}`);
}

async function problemsOf(checks: readonly Check[]): Promise<string[]> {
  const begun = new Map<string, Promise<string | null>>();
  for (const check of checks) begun.set(check.what, problemAfter(begun.get(check.after ?? ''), check));
  const found = new Set(await Promise.all(begun.values()));
  return [...found].filter((problem) => problem !== null);
}

/** The problem of the one before is its own as well. */
async function problemAfter(before: Promise<string | null> | undefined, check: Check): Promise<string | null> {
  return (await before) ?? problemOf(check);
}

async function problemOf(check: Check): Promise<string | null> {
  const { what, command, expects, expectsNothing } = check;
  const { code, output, lastWords } = await run(command);
  const tell = (found: string, remedy = check.remedy): string => `  ${what}: ${sentence(found)} ${remedy}`;
  if (code !== 0) return tell(lastWords || `ended with ${code}`, check.remedies?.[code ?? -1]);
  const printed = output.trim().slice(0, 200);
  if (expectsNothing === true && printed !== '') return tell(`${printed} does`);
  if (expects === undefined || output.includes(expects)) return null;
  return tell(`printed ${printed}, not ${expects}`);
}

/** What others say may end with a mark of its own. */
function sentence(words: string): string {
  return /[.?!]$/.test(words) ? words : `${words}.`;
}
