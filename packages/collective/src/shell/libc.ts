import koffi from 'koffi';

/** The few functions of the C library that Node.js lacks; each null where this platform has none. */
export interface Libc {
  mmap(address: null, length: number, protection: number, flags: number, fd: number, offset: number): bigint;
  flock(fd: number, operation: number): number;
  /** Linux only. */
  madvise: ((address: bigint, length: number, advice: number) => number) | null;
  schedYield(): number;
  /** Returns an error number, not -1. */
  posixFallocate: ((fd: number, offset: number, length: number) => number) | null;
  /** Linux only: its number of `futex` and the general system call. */
  futex: FutexCall | null;
}

export type FutexCall = (address: bigint, operation: number, value: number, timeout: BigInt64Array | null) => number;

export const LOCK_SHARED = 1;
export const LOCK_EXCLUSIVE = 2;
export const LOCK_NON_BLOCKING = 4;
export const PROTECTION_READ_WRITE = 3;
export const MAP_SHARED = 1;
export const ADVICE_REMOVE = 9;
export const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

const FUTEX_NUMBERS: Readonly<Record<string, number>> = { x64: 202, arm64: 98, riscv64: 98, loong64: 98 };

let loaded: Libc | null | undefined;

/** The C library that this process already runs on, or null on Windows. */
export function loadLibc(): Libc | null {
  loaded ??= process.platform === 'win32' ? null : bind();
  return loaded;
}

function bind(): Libc {
  const library = koffi.load(null);
  return {
    mmap: library.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)'),
    madvise:
      process.platform === 'linux' ? library.func('int madvise(void *address, size_t length, int advice)') : null,
    flock: library.func('int flock(int fd, int operation)'),
    schedYield: library.func('int sched_yield()'),
    posixFallocate:
      process.platform === 'linux' ? library.func('int posix_fallocate(int fd, int64_t offset, int64_t length)') : null,
    futex: bindFutex(library),
  };
}

function bindFutex(library: ReturnType<typeof koffi.load>): FutexCall | null {
  const number = process.platform === 'linux' ? FUTEX_NUMBERS[process.arch] : undefined;
  if (number === undefined) return null;
  const call = library.func(
    'long syscall(long number, void *address, int operation, int value, void *timeout, void *address2, int value3)',
  );
  return (address, operation, value, timeout) => call(number, address, operation, value, timeout, null, 0);
}

/** The last call's error number, and its name where it is known. */
export function lastError(): { number: number; name: string } {
  return describeErrno(koffi.errno());
}

export function describeErrno(number: number): { number: number; name: string } {
  const name = Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
  return { number, name };
}

/** An ArrayBuffer over foreign memory. Nothing may unmap it while a view of it can be used. */
export function viewMemory(address: bigint, byteLength: number): ArrayBuffer {
  return koffi.view(address, byteLength);
}
