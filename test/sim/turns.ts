import type { SimProcess } from './process.js';

/** Calls `done` when the next may begin. */
type Task = (done: () => void) => void;

/** What a process does one after the other, while it goes on with something else. */
export class Turns {
  readonly #process: SimProcess;
  readonly #tasks: Task[] = [];
  #isBusy = false;

  constructor(process: SimProcess) {
    this.#process = process;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  add(task: Task): void {
    this.#tasks.push(task);
    if (!this.#isBusy) this.#next();
  }

  #next(): void {
    const task = this.#tasks.shift();
    this.#isBusy = task !== undefined;
    task?.(() => this.#process.after(0, () => this.#next()));
  }
}
