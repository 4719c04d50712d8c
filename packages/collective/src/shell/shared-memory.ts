import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { GantryError } from '@gantry/common';
import {
  ADVICE_REMOVE,
  describeErrno,
  type Libc,
  LOCK_EXCLUSIVE,
  LOCK_NON_BLOCKING,
  LOCK_SHARED,
  lastError,
  loadLibc,
  MAP_FAILED,
  MAP_SHARED,
  PROTECTION_READ_WRITE,
  viewMemory,
} from './libc.js';

/** Of every mapping's file, and of nothing else that Gantry or its tests put into a temporary folder. */
const PREFIX = 'gantry-shm-';
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
/** How often one creation can be unlucky: each needs a cleaner within microseconds, and each run cleans once. */
const CREATE_TRIES_MAX = 100;
const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** Where mappings lie: /dev/shm on Linux; elsewhere (macOS) files in the temporary directory, mapped the same way. */
export function sharedMemoryDirectory(): string {
  return fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
}

/**
 * Memory shared by the processes of one host: a mapped file. Every holder keeps a shared `flock` on it, so that
 * {@link cleanStaleSharedMemory} can tell a file in use from one that a killed process left.
 *
 * It is never unmapped before the process ends: typed arrays on it may live anywhere, and touching one after `munmap`
 * would kill the process. Closing unlinks the file, and the memory goes when the last process that mapped it does.
 */
export class SharedMemory {
  readonly name: string;
  readonly buffer: ArrayBuffer;
  /** Of the first byte, for futex calls. */
  readonly address: bigint;
  readonly #file: string;
  #fd: number | null;

  private constructor(name: string, file: string, fd: number, address: bigint, bytes: number) {
    this.name = name;
    this.#file = file;
    this.#fd = fd;
    this.address = address;
    this.buffer = viewMemory(address, bytes);
  }

  /**
   * Makes a new zero-filled mapping that only this user can open, with all of its memory reserved.
   *
   * @throws GantryError GANTRY_DISK_FULL if there is no room; GANTRY_SHARED_MEMORY_FAILED otherwise.
   */
  static create(name: string, bytes: number): SharedMemory {
    const libc = requireLibc();
    const file = sharedMemoryFile(name);
    const fd = createLocked(libc, file);
    try {
      reserve(libc, fd, file, bytes);
      return new SharedMemory(name, file, fd, map(libc, fd, file, bytes), bytes);
    } catch (error) {
      fs.rmSync(file, { force: true });
      fs.closeSync(fd);
      throw error;
    }
  }

  /** Maps what another process of this user created. @throws GantryError GANTRY_SHARED_MEMORY_FAILED */
  static open(name: string, bytes: number): SharedMemory {
    const libc = requireLibc();
    const file = sharedMemoryFile(name);
    const fd = attempt(file, 'opened', () => fs.openSync(file, O_RDWR | O_NOFOLLOW));
    try {
      if (!lockShared(libc, fd, file)) throw failed(file, 'it was removed while it was being opened; start again');
      const { size } = fs.fstatSync(fd);
      if (size !== bytes) throw failed(file, `it has ${size} bytes where ${bytes} were expected`);
      return new SharedMemory(name, file, fd, map(libc, fd, file, bytes), bytes);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /** Gives up the lock and unlinks the file; anybody may, more than once. The buffer stays readable. */
  close(): void {
    if (this.#fd === null) return;
    const { ino, dev } = fs.fstatSync(this.#fd);
    const present = fs.lstatSync(this.#file, { throwIfNoEntry: false });
    // Another run may have made a file of this name since ours was unlinked.
    if (present?.ino === ino && present.dev === dev) fs.rmSync(this.#file, { force: true });
    this.release();
  }

  /**
   * Gives the memory itself back, while its views stay valid: whoever still reads or writes there finds zeros, in pages that
   * are its own waste. For a generation's memory that nobody uses any more.
   */
  discard(): void {
    this.close();
    loadLibc()?.madvise?.(this.address, this.buffer.byteLength, ADVICE_REMOVE);
  }

  /** Gives up the lock and leaves the file to those who use it. */
  release(): void {
    if (this.#fd !== null) fs.closeSync(this.#fd);
    this.#fd = null;
  }
}

/**
 * Unlinks the mappings of this user that no living process holds; returns their names. For the start of a run: a kill −9
 * of everything leaves its files.
 */
export function cleanStaleSharedMemory(): string[] {
  const libc = loadLibc();
  if (libc === null) return [];
  const directory = sharedMemoryDirectory();
  const files = fs.readdirSync(directory).filter((entry) => entry.startsWith(PREFIX));
  return files
    .filter((entry) => unlinkIfStale(libc, path.join(directory, entry)))
    .map((entry) => entry.slice(PREFIX.length));
}

function unlinkIfStale(libc: Libc, file: string): boolean {
  let fd: number;
  try {
    if (!fs.lstatSync(file).isFile()) return false;
    fd = fs.openSync(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return false; // Gone meanwhile, or another user's.
  }
  try {
    const status = fs.fstatSync(fd);
    if (!status.isFile() || status.uid !== process.getuid?.()) return false;
    if (libc.flock(fd, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING) !== 0) return false;
    // Another cleaner may have been faster, and its owner may have made the file anew since.
    if (fs.fstatSync(fd).nlink === 0) return false;
    fs.rmSync(file, { force: true });
    return true;
  } finally {
    fs.closeSync(fd);
  }
}

/** A new file, locked. Between the two, a cleaner of another run may have taken it for stale: then once more. */
function createLocked(libc: Libc, file: string): number {
  for (let tries = 1; ; tries++) {
    const fd = attempt(file, 'created', () => fs.openSync(file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
    if (lockShared(libc, fd, file)) return fd;
    fs.closeSync(fd);
    if (tries === CREATE_TRIES_MAX) throw failed(file, `it was removed ${tries} times while it was being made`);
  }
}

/** Blocks only while a cleaner looks at the file; false if that cleaner took it for stale: the link is gone. */
function lockShared(libc: Libc, fd: number, file: string): boolean {
  if (libc.flock(fd, LOCK_SHARED) !== 0) throw failed(file, `it cannot be locked (${lastError().name})`);
  return fs.fstatSync(fd).nlink > 0;
}

/** Without this, the first write to a page that a full file system cannot give would kill the process (SIGBUS). */
function reserve(libc: Libc, fd: number, file: string, bytes: number): void {
  try {
    if (libc.posixFallocate === null) writeZeros(fd, bytes);
    else {
      fs.ftruncateSync(fd, bytes);
      const code = libc.posixFallocate(fd, 0, bytes);
      if (code !== 0) throw Object.assign(new Error('posix_fallocate failed'), { code: describeErrno(code).name });
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') {
      throw failed(file, `its ${bytes} bytes cannot be reserved: ${(cause as Error).message}`, cause);
    }
    throw new GantryError(
      'GANTRY_DISK_FULL',
      `${path.dirname(file)} has no room for ${bytes} bytes of shared memory; enlarge it (Docker: --shm-size) or use --transport ipc`,
      { cause, details: { file, bytes } },
    );
  }
}

function writeZeros(fd: number, bytes: number): void {
  const block = new Uint8Array(1 << 20);
  for (let at = 0; at < bytes; at += block.length) fs.writeSync(fd, block, 0, Math.min(block.length, bytes - at), at);
}

function map(libc: Libc, fd: number, file: string, bytes: number): bigint {
  const address = libc.mmap(null, bytes, PROTECTION_READ_WRITE, MAP_SHARED, fd, 0);
  if (address === MAP_FAILED) throw failed(file, `it cannot be mapped (${lastError().name})`);
  return address;
}

function requireLibc(): Libc {
  const libc = loadLibc();
  if (libc !== null) return libc;
  throw new GantryError(
    'GANTRY_SHARED_MEMORY_FAILED',
    'this platform has no shared memory for Gantry; use --transport tcp',
  );
}

export function sharedMemoryFile(name: string): string {
  if (!NAME_PATTERN.test(name)) throw failed(name, `the name does not match ${NAME_PATTERN}`);
  return path.join(sharedMemoryDirectory(), PREFIX + name);
}

function attempt<T>(file: string, verb: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw failed(file, `it cannot be ${verb}: ${(cause as Error).message}`, cause);
  }
}

function failed(file: string, why: string, cause?: unknown): GantryError {
  return new GantryError('GANTRY_SHARED_MEMORY_FAILED', `shared memory ${file}: ${why}`, { cause, details: { file } });
}
