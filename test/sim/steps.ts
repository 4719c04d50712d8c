/**
 * Everything by which processes and their disk touch each other passes here, one step after the other: messages as they are
 * sent and as they are received, what a disk does, words in shared memory. A test may end a process just before any of them.
 */
export class Steps {
  #count = 0;
  #watcher: ((index: number, what: string) => void) | null = null;

  /** @param watcher Told of every step before it is done; steps count from 0. */
  watch(watcher: (index: number, what: string) => void): void {
    this.#watcher = watcher;
  }

  /** What follows is one step of a process, if it is still alive behind this. */
  take(what: string): void {
    this.#watcher?.(this.#count++, what);
  }
}
