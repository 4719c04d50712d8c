import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileError, syncFolder } from './durable.js';

/**
 * Makes a folder and what is missing above it. Step by step, since Node's own recursive mkdir never ends where the kernel
 * denies that a folder could be (/proc).
 *
 * @returns whether it was not there before
 * @throws GantryError naming the folder that cannot be made
 */
export async function makeFolder(folder: string): Promise<boolean> {
  try {
    return await makeOne(folder);
  } catch (error) {
    const parent = path.dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) throw fileError(folder, error);
  }
  await makeFolder(path.dirname(folder));
  try {
    return await makeOne(folder);
  } catch (error) {
    throw fileError(folder, error);
  }
}

async function makeOne(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    // Or a power failure takes the folder away, with all that was written into it durably.
    await syncFolder(path.dirname(folder));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if ((await stat(folder)).isDirectory()) return false;
  throw Object.assign(new Error(`ENOTDIR: ${folder} is a file, not a folder`), { code: 'ENOTDIR' });
}
