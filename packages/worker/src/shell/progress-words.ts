import { PHASES, type Phase } from '@gantry/common';

const PHASE = 0;
const WORKING = 1;
const PROGRESS = 2;
const COMMITTED = 3;
const SINCE_MS = 4;
const STOP_REQUEST = 5;
const STALE = 6;
const WORDS = 7;

/** Numbers of the phases, for the hot path. */
export const PHASE_INDEX = Object.fromEntries(PHASES.map((phase, index) => [phase, index])) as Readonly<
  Record<Phase, number>
>;

/**
 * Words between the main thread, which writes where it is, and the control thread, which tells the coordinator. Only
 * the wish to stop and the count of stale frames go the other way. A write is a few atomic stores.
 */
export class ProgressWords {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** @param buffer Of the other thread's words; without it, new ones. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** @param sinceMs Milliseconds of the main thread's clock. */
  enter(phase: number, workingUpdate: number, sinceMs: number): void {
    Atomics.store(this.#words, PHASE, phase);
    Atomics.store(this.#words, WORKING, workingUpdate);
    Atomics.store(this.#words, SINCE_MS, sinceMs | 0);
    Atomics.add(this.#words, PROGRESS, 1);
  }

  commit(update: number): void {
    Atomics.store(this.#words, COMMITTED, update);
  }

  get phase(): Phase {
    return PHASES[Atomics.load(this.#words, PHASE)]!;
  }

  get workingUpdate(): number {
    return Atomics.load(this.#words, WORKING);
  }

  /** Grows with every change of phase; wraps around at 2^32. */
  get progress(): number {
    return Atomics.load(this.#words, PROGRESS) >>> 0;
  }

  get committed(): number {
    return Atomics.load(this.#words, COMMITTED);
  }

  /** Whole milliseconds since the phase began, right for phases of up to 2^32 of them: the word wraps around. @param nowMs Of the main thread's clock. */
  phaseMs(nowMs: number): number {
    const ms = ((nowMs | 0) - Atomics.load(this.#words, SINCE_MS)) | 0;
    return Math.max(0, ms);
  }

  /** The coordinator asked the leader to stop. */
  wishStop(): void {
    Atomics.store(this.#words, STOP_REQUEST, 1);
  }

  /** Another generation begins: whoever still wants to stop asks again, and the coordinator of before may be gone. */
  forgetStop(): void {
    Atomics.store(this.#words, STOP_REQUEST, 0);
  }

  get isStopWished(): boolean {
    return Atomics.load(this.#words, STOP_REQUEST) !== 0;
  }

  /** The control thread dropped a frame of another run or of an earlier generation. */
  countStale(): void {
    Atomics.add(this.#words, STALE, 1);
  }

  get stale(): number {
    return Atomics.load(this.#words, STALE);
  }
}
