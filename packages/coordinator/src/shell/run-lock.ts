import { randomUUID } from 'node:crypto';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GantryError, sha256Hex } from '@gantry/common';
import { fileError } from './durable.js';

/** Who holds a run directory. A process is its pid and when it started: pids are used again. */
export interface Owner {
  readonly pid: number;
  readonly startTime: string;
  readonly hostname: string;
}

const LOCK_FILE = 'coordinator.lock';
/** A claim on a stale lock lasts for two file operations. */
const CLAIM_MS_MAX = 10_000;
const CLAIM_RETRY_MS = 5;

/** When a process of this machine started, in whatever unit the kernel has; empty where that cannot be read. */
export async function processStartTime(pid: number): Promise<string> {
  return (await processFields(pid))[19] ?? '';
}

/** One letter: R running, S sleeping, T stopped, Z ended …; empty where the kernel does not say. */
export async function processState(pid: number): Promise<string> {
  return (await processFields(pid))[0] ?? '';
}

/** Of /proc/PID/stat from the third field on: the second is the program's name in parentheses and may hold blanks. */
async function processFields(pid: number): Promise<string[]> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Whether the process that wrote `owner` still runs. One of another machine counts as running: it cannot be asked. */
export async function isAlive(owner: Owner): Promise<boolean> {
  if (owner.hostname !== os.hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const fields = await processFields(owner.pid);
  // One that has ended and that nobody has asked about still has its number.
  if (fields[0] === 'Z' || fields[0] === 'X') return false;
  const startTime = fields[19] ?? '';
  return startTime === '' || owner.startTime === '' || startTime === owner.startTime;
}

export async function thisProcess(): Promise<Owner> {
  return { pid: process.pid, startTime: await processStartTime(process.pid), hostname: os.hostname() };
}

/** Who holds the lock of a run directory, whether alive or not; null: nobody. */
export async function lockOwner(runDirectory: string): Promise<Owner | null> {
  try {
    return parseOwner(await readFile(path.join(runDirectory, LOCK_FILE), 'utf8'));
  } catch {
    return null;
  }
}

function parseOwner(text: string): Owner | null {
  try {
    const { pid, startTime, hostname } = JSON.parse(text) as Partial<Owner>;
    if (!Number.isSafeInteger(pid) || typeof startTime !== 'string' || typeof hostname !== 'string') return null;
    return { pid: pid!, startTime, hostname };
  } catch {
    return null;
  }
}

/**
 * Keeps every other coordinator out of a run directory until `release`. The lock of a process that is gone is taken over.
 *
 * @throws GantryError GANTRY_RUN_LOCKED naming the process.
 */
export async function lockRun(runDirectory: string): Promise<{ release(): Promise<void> }> {
  const file = path.join(runDirectory, LOCK_FILE);
  const mine = JSON.stringify(await thisProcess());
  const own = `${file}.${randomUUID()}`;
  try {
    await writeFile(own, mine, { flag: 'wx' });
    // A link appears whole or not at all, and never replaces one that is there.
    while (!(await tryLink(own, file))) await takeOver(runDirectory, file);
  } catch (cause) {
    throw fileError(file, cause);
  } finally {
    await rm(own, { force: true });
  }
  return {
    release: async () => {
      const text = await readFile(file, 'utf8').catch(() => '');
      if (text === mine) await rm(file, { force: true });
    },
  };
}

async function tryLink(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock of a dead process, or says that it lives. */
async function takeOver(runDirectory: string, file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const owner = parseOwner(text);
  if (owner !== null && (await isAlive(owner))) {
    const elsewhere =
      owner.hostname === os.hostname()
        ? ''
        : `. If nothing runs there any more, or that machine is gone, delete ${file}`;
    const message =
      `${runDirectory} is in use by another coordinator (process ${owner.pid} on ${owner.hostname}); ` +
      `stop that one first, or use another --out${elsewhere}`;
    throw new GantryError('GANTRY_RUN_LOCKED', message, { details: { runDirectory, pid: owner.pid } });
  }
  await removeStale(file, text);
}

/**
 * Removes a lock that holds `stale`. Who does so holds a claim on that very text, so that nobody removes the lock of a
 * coordinator that was quicker: a text names one process, and never comes back.
 */
async function removeStale(file: string, stale: string): Promise<void> {
  const claim = `${file}.stale-${sha256Hex(stale).slice(0, 16)}`;
  try {
    await writeFile(claim, '', { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return waitForClaim(claim);
  }
  try {
    if ((await readFile(file, 'utf8').catch(() => null)) === stale) await rm(file, { force: true });
  } finally {
    await rm(claim, { force: true });
  }
}

/** Held for a moment; one that stays is of a process that was killed in that moment. */
async function waitForClaim(claim: string): Promise<void> {
  const claimed = await stat(claim).catch(() => null);
  if (claimed !== null && Date.now() - claimed.mtimeMs > CLAIM_MS_MAX) await rm(claim, { force: true });
  await delay(CLAIM_RETRY_MS);
}
