import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { CHUNK_KEPT_MS, CHUNK_READ_KNOWN_MS, CLAIM_STALE_MS, DEBRIS_STALE_MS } from '../constants.js';

/** In the cache's folder: chunks in the making, and claims. */
const WORKSHOP = 'fetching';

/**
 * Chunks on the disk of this host, shared by its workers, in files that are named by the SHA-256 of what is in them: whatever
 * data set they are of, and whoever wrote them. What is read is compared with its name. A disk that takes no more costs nothing
 * but a new download after the next start. What nobody has read for long goes, whenever a worker begins to write.
 */
export class ChunkCache {
  readonly #folder: string;
  readonly #onTrouble: (message: string) => void;
  #isWritable: Promise<boolean> | null = null;
  #isFull = false;

  /** @param onTrouble Told once, why nothing more is written. */
  constructor(folder: string, onTrouble: (message: string) => void) {
    this.#folder = folder;
    this.#onTrouble = onTrouble;
  }

  /** Reads a chunk into `into`. @returns false: it is not here, or was damaged, and is removed then */
  async read(sha256: string, into: Uint8Array): Promise<boolean> {
    const path = this.#path(sha256);
    try {
      const about = await lstat(path);
      if (about.isFile() && about.size === into.length && (await readWhole(path, into)) && hashOf(into) === sha256) {
        if (Date.now() - about.mtimeMs > CHUNK_READ_KNOWN_MS) await touch(path);
        return true;
      }
      await rm(path, { force: true });
    } catch {
      // Not here, or it cannot be read: it is fetched.
    }
    return false;
  }

  /** @returns whether this worker is to fetch it; false: another one of this host does so just now */
  async claim(sha256: string): Promise<boolean> {
    if (!(await this.#prepared()) || this.#isFull) return true;
    const path = this.#claimPath(sha256);
    try {
      await (await open(path, 'wx', 0o600)).close();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return true;
      if (!(await isOlder(path, CLAIM_STALE_MS))) return false;
      // Who claimed it is gone, or has a slow link: fetched twice is better than waited for.
      await rm(path, { force: true }).catch(() => {});
      return true;
    }
  }

  /** Writes a chunk, whose hash is right, under its name; whoever reads meanwhile finds all of it or nothing. */
  async store(sha256: string, data: Uint8Array): Promise<void> {
    if (!(await this.#prepared()) || this.#isFull) return;
    const unfinished = join(this.#folder, WORKSHOP, `${sha256}.${randomUUID()}`);
    try {
      await writeWhole(unfinished, data);
      await mkdir(join(this.#folder, sha256.slice(0, 2)), { recursive: true, mode: 0o700 });
      await rename(unfinished, this.#path(sha256));
    } catch (error) {
      this.#giveUp(error);
      await rm(unfinished, { force: true }).catch(() => {});
    }
    await this.release(sha256);
  }

  /** It is not going to be stored after all. */
  async release(sha256: string): Promise<void> {
    await rm(this.#claimPath(sha256), { force: true }).catch(() => {});
  }

  #path(sha256: string): string {
    return join(this.#folder, sha256.slice(0, 2), sha256);
  }

  #claimPath(sha256: string): string {
    return join(this.#folder, WORKSHOP, `${sha256}.claim`);
  }

  #prepared(): Promise<boolean> {
    this.#isWritable ??= this.#prepare();
    return this.#isWritable;
  }

  async #prepare(): Promise<boolean> {
    const workshop = join(this.#folder, WORKSHOP);
    try {
      await mkdir(workshop, { recursive: true, mode: 0o700 });
      await removeOlder(workshop, DEBRIS_STALE_MS);
      // Nobody waits for it, and what is lost by it is fetched again.
      void this.#clean().catch(() => {});
      return true;
    } catch (error) {
      this.#giveUp(error);
      return false;
    }
  }

  async #clean(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (name !== WORKSHOP) await removeOlder(join(this.#folder, name), CHUNK_KEPT_MS);
    }
  }

  #giveUp(error: unknown): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOSPC' || code === 'EDQUOT' ? 'there is no more room' : message;
    this.#onTrouble(
      `chunks of the data set stay in memory, and are fetched again after a restart, because the cache ${this.#folder} cannot be written: ${why}. ` +
        'Make room there, or name another folder with XDG_CACHE_HOME',
    );
  }
}

function hashOf(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

async function isOlder(path: string, ms: number): Promise<boolean> {
  try {
    return Date.now() - (await lstat(path)).mtimeMs > ms;
  } catch {
    return false;
  }
}

/** Of the files in a folder. */
async function removeOlder(folder: string, ms: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (await isOlder(path, ms)) await rm(path, { force: true });
  }
}

/** It may be somebody else's, who lets others read it only. */
async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

async function readWhole(path: string, into: Uint8Array): Promise<boolean> {
  return withFile(await open(path, 'r'), async (file) => {
    for (let at = 0; at < into.length; ) {
      const { bytesRead } = await file.read(into, at, into.length - at, at);
      if (bytesRead === 0) return false;
      at += bytesRead;
    }
    return true;
  });
}

async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  await withFile(await open(path, 'wx', 0o600), async (file) => {
    for (let at = 0; at < data.length; ) {
      at += (await file.write(data, at, data.length - at, at)).bytesWritten;
    }
  });
}

async function withFile<T>(file: FileHandle, work: (file: FileHandle) => Promise<T>): Promise<T> {
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}
