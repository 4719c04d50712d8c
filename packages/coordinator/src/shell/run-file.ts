import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GantryError } from '@gantry/common';

/** @throws GantryError GANTRY_RUN_NOT_FOUND */
export async function readRunFile<T>(runDirectory: string, name: string): Promise<T> {
  const file = path.join(runDirectory, name);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const message = missing
      ? `${runDirectory} holds no run (no ${name}); name the folder of a run`
      : `cannot read ${file}: ${(cause as Error).message}`;
    throw new GantryError('GANTRY_RUN_NOT_FOUND', message, { cause, details: { runDirectory } });
  }
}
