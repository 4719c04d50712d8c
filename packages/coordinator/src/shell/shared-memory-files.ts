import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { SHARED_MEMORY_PREFIX } from './constants.js';

/** Removes the files of these mappings, wherever the system has them: a worker that was killed could not remove its own. */
export async function removeSharedMemory(names: Iterable<string>): Promise<void> {
  for (const name of names) {
    for (const folder of ['/dev/shm', os.tmpdir()]) {
      await rm(path.join(folder, `${SHARED_MEMORY_PREFIX}${name}`), { force: true });
    }
  }
}
