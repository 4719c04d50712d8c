import { assert, GantryError } from '@gantry/common';

const ABORT = 0;
const STOP_AFTER_UPDATE = 1;
const WORDS = 2;
const NEVER_STOP = 0x7fff_ffff;

/**
 * What a worker's control thread tells its training thread, which may be waiting in a system call or in an engine: two
 * words in shared memory. Made by one thread; the other gets `buffer` and wraps it again.
 */
export class ControlWords {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** @param buffer Of another thread's `ControlWords`; without it, new words: no abort, no stop. */
  constructor(buffer?: SharedArrayBuffer) {
    assert(buffer === undefined || buffer.byteLength >= WORDS * 4, 'control words need 8 bytes');
    this.buffer = buffer ?? new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
    this.#words = new Int32Array(this.buffer);
    if (buffer === undefined) this.clear();
  }

  /** Takes back abort and stop, for a new generation. */
  clear(): void {
    Atomics.store(this.#words, ABORT, 0);
    Atomics.store(this.#words, STOP_AFTER_UPDATE, NEVER_STOP);
  }

  /** Ends every wait with GANTRY_ABORTED. */
  abort(): void {
    Atomics.store(this.#words, ABORT, 1);
  }

  get aborted(): boolean {
    return Atomics.load(this.#words, ABORT) !== 0;
  }

  /**
   * Asks to stop once `update` (≥ 0, < 2³¹) is committed. A request: all members stop together, and an update that
   * everybody is ready for is done first, so the last one may be later than `update`.
   */
  stopAfter(update: number): void {
    Atomics.store(this.#words, STOP_AFTER_UPDATE, Math.min(update, NEVER_STOP - 1));
  }

  /** Whether a stop before `update` is asked for. */
  stopsBefore(update: number): boolean {
    const last = Atomics.load(this.#words, STOP_AFTER_UPDATE);
    return last !== NEVER_STOP && update > last;
  }

  /** @throws GantryError GANTRY_ABORTED naming what was going on. */
  throwIfAborted(update: number, phase: string): void {
    if (!this.aborted) return;
    throw new GantryError('GANTRY_ABORTED', `update ${update} was given up while waiting for ${phase}`, {
      details: { update, phase },
    });
  }
}
