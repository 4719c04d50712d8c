import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeFolder } from './make-folder.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'gantry-folder-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('makes what is missing, and says whether it did', async () => {
  const deep = path.join(folder, 'a', 'b', 'c');
  expect(await makeFolder(deep)).toBe(true);
  expect((await stat(deep)).isDirectory()).toBe(true);
  expect(await makeFolder(deep)).toBe(false);
});

it('names a file that is in the way', async () => {
  const file = path.join(folder, 'file');
  await writeFile(file, '');
  await expect(makeFolder(file)).rejects.toThrow(file);
  await expect(makeFolder(path.join(file, 'below'))).rejects.toThrow(file);
});

it.runIf(process.platform === 'linux')('ends where no folder can be made', async () => {
  await expect(makeFolder('/proc/no-such-process/run')).rejects.toThrow('/proc/no-such-process');
});
