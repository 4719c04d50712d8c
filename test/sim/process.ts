import type { World } from './world.js';

/** Something that runs on a host: it can be stopped, continued and killed; what it waits for happens only while it runs. */
export class SimProcess {
  readonly world: World;
  readonly host: string;
  readonly name: string;
  #alive = true;
  #frozen = false;
  #backlog: (() => void)[] = [];

  constructor(world: World, host: string, name: string) {
    this.world = world;
    this.host = host;
    this.name = name;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  after(delayMs: number, action: () => void): void {
    this.world.clock.after(delayMs, () => this.run(action));
  }

  /** A timer: late ticks of a stopped process are one. */
  every(periodMs: number, action: () => void): { cancel(): void } {
    let over = false;
    const tick = (): void => {
      if (over) return;
      action();
      this.after(periodMs, tick);
    };
    this.after(periodMs, tick);
    return {
      cancel: () => {
        over = true;
      },
    };
  }

  /** Now, or when it is continued, or never. */
  run(action: () => void): void {
    if (!this.#alive) return;
    if (this.#frozen) this.#backlog.push(action);
    else action();
  }

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const action of backlog) this.after(0, action);
  }

  /** SIGKILL, or its own exit. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#backlog = [];
    this.onDeath();
  }

  /** What the kernel does for a process that ended: its sockets close. */
  protected onDeath(): void {}
}
