import os from 'node:os';
import { SPIN_MS, SPIN_WITHOUT_YIELD_MS, WAIT_SLICE_MS } from '../constants.js';
import { hasReached } from '../core/sequence.js';
import { loadLibc } from './libc.js';

const SEQUENCE = 0;
const WAITERS = 1;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const EVERYBODY = 0x7fff_ffff;
const POLLS_PER_ROUND = 128;
const NANOSECONDS_PER_MS = 1_000_000n;

/** seconds, nanoseconds: the kernel only reads it. */
const SLICE = BigInt64Array.of(0n, BigInt(WAIT_SLICE_MS) * NANOSECONDS_PER_MS);
/** Where there is no futex, a waiter looks again after this many milliseconds. */
const SLEEP_MS = 1;
const sleepWord = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** How long a waiter polls before it sleeps: not at all if that would take the core that somebody else needs. */
export function spinMs(members: number, cores: number = os.availableParallelism()): number {
  return members > cores ? 0 : SPIN_MS;
}

/** Looks for a reason to stop waiting. Called between polls, at least every {@link WAIT_SLICE_MS} milliseconds. */
export type WaitCheck = () => boolean;

/**
 * A sequence number of 32 bits on a cache line of its own, written by one process and awaited by others. A writer makes a
 * system call only if somebody sleeps; a waiter polls for a bounded time, then sleeps in the kernel. Synchronous, and
 * allocates nothing.
 */
export class SequenceWord {
  readonly #words: Int32Array;
  readonly #address: bigint | null;

  /**
   * @param words The line: the sequence number and the number of sleepers.
   * @param address Of the line; null for memory that no other process maps.
   */
  constructor(words: Int32Array, address: bigint | null) {
    this.#words = words;
    this.#address = address;
  }

  get value(): number {
    return Atomics.load(this.#words, SEQUENCE);
  }

  /** Everything written before is visible to whoever sees `value`. */
  publish(value: number): void {
    Atomics.store(this.#words, SEQUENCE, value);
    if (Atomics.load(this.#words, WAITERS) === 0 || this.#address === null) return;
    loadLibc()?.futex?.(this.#address, FUTEX_WAKE, EVERYBODY, null);
  }

  /**
   * Waits until the sequence has reached `target`.
   *
   * @param spin Milliseconds of polling before it sleeps; see {@link spinMs}.
   * @param shouldEnd Ends the wait by returning true, or by throwing.
   * @returns Whether `target` was reached: false if `shouldEnd` ended it.
   */
  waitAtLeast(target: number, spin: number, shouldEnd: WaitCheck): boolean {
    if (hasReached(this.value, target)) return true;
    if (shouldEnd()) return hasReached(this.value, target);
    if (spin > 0 && this.#spin(target, spin, shouldEnd)) return hasReached(this.value, target);
    while (!hasReached(this.value, target)) {
      if (shouldEnd()) return hasReached(this.value, target);
      this.#sleep(target);
    }
    return true;
  }

  /** True: there is nothing left to wait for. */
  #spin(target: number, spin: number, shouldEnd: WaitCheck): boolean {
    const libc = loadLibc();
    const start = performance.now();
    for (;;) {
      for (let poll = 0; poll < POLLS_PER_ROUND; poll++) if (hasReached(this.value, target)) return true;
      if (shouldEnd()) return true;
      const elapsed = performance.now() - start;
      if (elapsed > spin) return false;
      if (elapsed > SPIN_WITHOUT_YIELD_MS) libc?.schedYield();
    }
  }

  #sleep(target: number): void {
    const futex = this.#address === null ? null : loadLibc()?.futex;
    if (!futex) {
      Atomics.wait(sleepWord, 0, 0, SLEEP_MS);
      return;
    }
    Atomics.add(this.#words, WAITERS, 1);
    const value = this.value;
    // The kernel compares again: a number published in between ends the call at once.
    if (!hasReached(value, target)) futex(this.#address!, FUTEX_WAIT, value, SLICE);
    Atomics.sub(this.#words, WAITERS, 1);
  }
}
