import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isAlive, lockOwner, lockRun, processStartTime, thisProcess } from './run-lock.js';

let folder: string;
const file = () => path.join(folder, 'coordinator.lock');

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'gantry-lock-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

it('keeps others out until it is released, and leaves nothing', async () => {
  const lock = await lockRun(folder);
  await expect(lockRun(folder)).rejects.toMatchObject({ code: 'GANTRY_RUN_LOCKED', details: { pid: process.pid } });
  expect(await lockOwner(folder)).toEqual(await thisProcess());
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
  await (await lockRun(folder)).release();
});

it('is taken over from a process that is gone, and from one whose pid belongs to another now', async () => {
  const hostname = os.hostname();
  for (const stale of [
    JSON.stringify({ pid: 2 ** 22 + 1, startTime: '1', hostname }),
    JSON.stringify({ pid: process.pid, startTime: '1', hostname }),
    'torn',
  ]) {
    await writeFile(file(), stale);
    const lock = await lockRun(folder);
    expect(await lockOwner(folder)).toEqual(await thisProcess());
    await lock.release();
  }
});

it('is one winner of many', async () => {
  await writeFile(file(), JSON.stringify({ pid: process.pid, startTime: '1', hostname: os.hostname() }));
  const all = await Promise.allSettled(Array.from({ length: 20 }, () => lockRun(folder)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

it('of another machine cannot be judged and counts', async () => {
  expect(await isAlive({ pid: 1, startTime: '1', hostname: 'elsewhere' })).toBe(true);
  await writeFile(file(), JSON.stringify({ pid: 1, startTime: '1', hostname: 'elsewhere' }));
  await expect(lockRun(folder)).rejects.toThrow(`delete ${file()}`);
});

it.runIf(process.platform === 'linux')('knows when a process started', async () => {
  expect(await processStartTime(process.pid)).toMatch(/^\d+$/);
});
