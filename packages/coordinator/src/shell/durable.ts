import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileError } from '@gantry/common';

export { fileError };

/** Makes a rename or a new name in `folder` survive a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Runs `write` on a new file and syncs it. */
export async function writeSynced(file: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(file, 'wx', 0o644);
  try {
    await write(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces a file as a whole: readers see the old content or the new, never a part.
 *
 * @param options.durable Also survives a power failure.
 * @throws GantryError GANTRY_DISK_FULL, GANTRY_FILE_FAILED; the old file is then intact.
 */
export async function replaceFile(
  file: string,
  content: string | Uint8Array,
  options: { durable: boolean },
): Promise<void> {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}`);
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      await handle.writeFile(content);
      if (options.durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    if (options.durable) await syncFolder(path.dirname(file));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw fileError(file, cause);
  }
}
