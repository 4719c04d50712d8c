import { PENDING } from './data-network.js';
import type { SimProcess } from './process.js';

/** What a piece of long work waits for. */
export type Wait =
  /** It computes, or sleeps. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Something that is tried until it does not throw PENDING; whatever else it throws is thrown at the work. */
  | { readonly kind: 'until'; readonly attempt: () => void };

export type Work = Generator<Wait, void, void>;

/** Between two looks of a wait at what nobody wakes it for, in milliseconds. */
const SLICE_MS = 20;

export function delay(ms: number): Wait {
  return { kind: 'delay', ms };
}

/** Runs `attempt` when it can be done without waiting. */
export function* until<T>(attempt: () => T): Generator<Wait, T, void> {
  let result: T | undefined;
  yield {
    kind: 'until',
    attempt: () => {
      result = attempt();
    },
  };
  return result as T;
}

/** For `until`: throws PENDING while a condition does not hold. */
export function expectReady(isReady: boolean): void {
  if (!isReady) throw PENDING;
}

/**
 * A worker's main thread: one long work after the other, and an event loop that takes messages whenever no work holds the
 * thread (`blocked`).
 */
export class MainThread {
  readonly #process: SimProcess;
  readonly #onError: (error: unknown) => void;
  readonly #chain: (() => Work)[] = [];
  readonly #mailbox: (() => void)[] = [];
  #current: Work | null = null;
  #attempt: (() => void) | null = null;
  #blocked = false;
  #looking = false;
  #isHung = false;
  #isSliced = false;

  constructor(process: SimProcess, onError: (error: unknown) => void) {
    this.#process = process;
    this.#onError = onError;
  }

  get isIdle(): boolean {
    return this.#current === null && this.#chain.length === 0;
  }

  get isHung(): boolean {
    return this.#isHung;
  }

  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** It waits for good; the process's other thread goes on. */
  hang(): void {
    this.#isHung = true;
  }

  /** Starts the next long work when the one before has ended. */
  begin(work: () => Work): void {
    this.#chain.push(work);
    if (this.#current === null) this.#process.after(0, () => this.#next());
  }

  /** A message from the other thread. */
  post(action: () => void): void {
    this.#mailbox.push(action);
    this.#process.after(0.05, () => this.#drain());
  }

  block(): void {
    this.#blocked = true;
  }

  unblock(): void {
    this.#blocked = false;
    this.#drain();
  }

  /** Something has happened that a wait may wait for. */
  readonly wake = (): void => {
    if (this.#attempt === null || this.#looking) return;
    this.#looking = true;
    this.#process.after(0.02, () => {
      this.#looking = false;
      this.#look();
    });
  };

  #drain(): void {
    while (!this.#blocked && !this.#isHung && this.#process.alive && this.#mailbox.length > 0) this.#mailbox.shift()!();
  }

  #next(): void {
    if (this.#current !== null) return;
    const work = this.#chain.shift();
    if (work === undefined) return;
    this.#current = work();
    this.#resume();
  }

  #resume(thrown?: { readonly error: unknown }): void {
    if (this.#isHung || this.#current === null || !this.#process.alive) return;
    try {
      const { value, done } = thrown === undefined ? this.#current.next() : this.#current.throw(thrown.error);
      if (!done) {
        this.#wait(value);
        return;
      }
    } catch (error) {
      this.#blocked = false;
      this.#onError(error);
    }
    this.#current = null;
    this.#blocked = false;
    this.#drain();
    this.#next();
  }

  #wait(wait: Wait): void {
    if (wait.kind === 'delay') {
      this.#process.after(wait.ms, () => this.#resume());
      return;
    }
    this.#attempt = wait.attempt;
    this.#look();
  }

  #look(): void {
    const attempt = this.#attempt;
    if (attempt === null || this.#isHung) return;
    try {
      attempt();
    } catch (error) {
      if (error === PENDING) {
        this.#lookAgain();
        return;
      }
      this.#attempt = null;
      this.#resume({ error });
      return;
    }
    this.#attempt = null;
    this.#resume();
  }

  #lookAgain(): void {
    if (this.#isSliced) return;
    this.#isSliced = true;
    this.#process.after(SLICE_MS, () => {
      this.#isSliced = false;
      this.wake();
    });
  }
}
