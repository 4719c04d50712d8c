import { readFileSync, writeFileSync } from 'node:fs';
import { GantryError } from '@gantry/common';
import { HEALTH_EVERY_MS, HEALTH_STALE_MS } from './constants.js';

/** Commands whose process is a container's main one. */
const LASTING = ['coordinator', 'worker', 'train', 'resume'];

/** Where this process says that it is well; undefined: nobody wants to know. */
export function healthFile(): string | undefined {
  return process.env.GANTRY_HEALTH_FILE || undefined;
}

/**
 * Writes the file of GANTRY_HEALTH_FILE again and again, from this process's event loop: where that stands still, the file
 * grows old. Nothing else is known by it: whether the run makes progress is the coordinator's to say.
 */
export function showHealth(command: string): void {
  const file = healthFile();
  if (file === undefined || !LASTING.includes(command)) return;
  const write = (): void => writeFileSync(file, JSON.stringify({ command, pid: process.pid, atMs: Date.now() }));
  try {
    write();
  } catch (error) {
    const why = `GANTRY_HEALTH_FILE is ${file}, which cannot be written (${(error as Error).message}); give a file in a folder that can`;
    throw new GantryError('GANTRY_USAGE', why, { cause: error });
  }
  setInterval(() => writeIfPossible(write), HEALTH_EVERY_MS).unref();
}

/** A disk that is full for a while ends no run; it shows in the file's age. */
function writeIfPossible(write: () => void): void {
  try {
    write();
  } catch {
    // The next one may be.
  }
}

export interface Health {
  readonly healthy: boolean;
  readonly text: string;
}

/** What a health file says, at a time of the wall clock. */
export function healthOf(file: string, nowMs: number): Health {
  const seen = readHealth(file);
  if (seen === undefined) {
    return { healthy: false, text: `${file}: no coordinator or worker with this GANTRY_HEALTH_FILE has started here` };
  }
  const ageMs = nowMs - seen.atMs;
  const text = `${seen.command}, pid ${seen.pid}: its event loop turned ${Math.max(0, Math.round(ageMs / 1000))} s ago`;
  return { healthy: ageMs <= HEALTH_STALE_MS, text };
}

function readHealth(file: string): { command: string; pid: number; atMs: number } | undefined {
  try {
    const { command, pid, atMs } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    return { command: String(command), pid: Number(pid), atMs: Number(atMs) };
  } catch {
    return undefined;
  }
}
