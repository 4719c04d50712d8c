import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileError } from '@gantry/common';

/** What names another place for the cache, for messages. */
const FLAG = 'XDG_CACHE_HOME';

/** Where Gantry keeps what it converted: $XDG_CACHE_HOME/gantry, or ~/.cache/gantry. */
export function defaultCacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gantry');
}

/** A folder that is being filled, and is not yet there under its name. */
export interface Conversion {
  /** Where to write. */
  readonly scratch: string;
  /** Everything is written: now other processes see all of it. */
  publish(): void;
  /** Removes what was not published; harmless afterwards. */
  discard(): void;
}

/**
 * Begins to fill a folder of the cache: other processes see all of it or nothing. Another one may be at it as well; whoever is
 * done first wins, as both make the same.
 * @throws GantryError GANTRY_DISK_FULL, GANTRY_FILE_FAILED
 */
export function beginConversion(folder: string): Conversion {
  const scratch = `${folder}.${process.pid}`;
  caching(folder, () => {
    removeAbandoned(folder);
    rmSync(scratch, { recursive: true, force: true });
    mkdirSync(scratch, { recursive: true });
  });
  return {
    scratch,
    publish: () => caching(folder, () => publish(scratch, folder)),
    discard: () => rmSync(scratch, { recursive: true, force: true }),
  };
}

/** Does something in the cache, and says what to do where that fails. */
export function caching<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw fileError(path, cause, { flag: FLAG });
  }
}

/** Scratch folders of processes that ended before they were done. */
function removeAbandoned(folder: string): void {
  const parent = dirname(folder);
  if (!existsSync(parent)) return;
  const prefix = `${basename(folder)}.`;
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^\d+$/.test(pid) && !isAlive(Number(pid))) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function publish(scratch: string, folder: string): void {
  try {
    renameSync(scratch, folder);
  } catch (cause) {
    if (!existsSync(folder)) throw cause;
  }
}
