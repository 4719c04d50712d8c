import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { GantryError } from '@gantry/common';
import { textOf } from './arguments.js';
import type { Args } from './command.js';
import { entriesOf, RUNS_FOLDER } from './run-config.js';

/**
 * The run directory that a command line names, or the one of `runs/` whose coordinator wrote last.
 * @throws GantryError GANTRY_RUN_NOT_FOUND where there is none.
 */
export async function runNamed(args: Args): Promise<string> {
  const named = textOf(args, 'out');
  return resolve(named !== undefined && named !== '' ? named : await newestRun(RUNS_FOLDER));
}

/** @param folder Of run directories. */
export async function newestRun(folder: string): Promise<string> {
  const runs = await Promise.all(
    entriesOf(folder).map(async (name) => ({ path: join(folder, name), ms: await writtenMs(join(folder, name)) })),
  );
  const [newest] = runs.filter(({ ms }) => ms > 0).sort((a, b) => b.ms - a.ms);
  if (newest !== undefined) return newest.path;
  const message = `there is no run in ${resolve(folder)}; name a run directory with --out runs/mlp-1`;
  throw new GantryError('GANTRY_RUN_NOT_FOUND', message);
}

/** When its status was last written; 0: it is no run. */
async function writtenMs(run: string): Promise<number> {
  try {
    return (await stat(join(run, 'status.json'))).mtimeMs;
  } catch {
    return 0;
  }
}
