/** An event of the coordinator, as it prints it with `--json`. */
export type CoordinatorEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** Who shows a launch. */
export interface LaunchListener {
  event(event: CoordinatorEvent): void;
  /** What a process said, in a line. */
  line(name: string, line: string): void;
  /** A sentence of the launcher's own. */
  note(text: string): void;
}

/** What happens in a launch, on its way to whoever shows it; remembers how the run ended. */
export class LaunchEvents {
  readonly #listener: LaunchListener;
  #last: CoordinatorEvent | null = null;
  /** The end of a run that gave way, and may go on. */
  #held: CoordinatorEvent | null = null;
  #isStartedAgain = false;
  #hasTrained = false;
  #failure: string | null = null;

  constructor(listener: LaunchListener) {
    this.#listener = listener;
  }

  /** `done` or `error`, once the run has ended. */
  get ending(): CoordinatorEvent | null {
    return this.#last;
  }

  /** From now on, or no more, a run that ends before its last step is one that gave way: its end is held back. */
  expectMore(isStartedAgain: boolean): void {
    this.#isStartedAgain = isStartedAgain;
  }

  /** It did not go on: what was held back is its end. */
  settle(): void {
    if (this.#last !== null || this.#held === null) return;
    this.#last = this.#held;
    this.#listener.event(this.#held);
  }

  /** Whether all workers that the run begins with have been there. */
  get hasTrained(): boolean {
    return this.#hasTrained;
  }

  /** Why the launch has failed, whatever the run says of its end; null: it has not. */
  get failure(): string | null {
    return this.#failure;
  }

  /** From now on nothing of the run is shown: that it was stopped is no news. The first word counts. */
  fail(problem: string): void {
    this.#failure ??= problem;
  }

  note(text: string): void {
    this.#listener.note(text);
  }

  /** Once the run has failed, what others say is that they were told so: it is in their logs. */
  line(name: string, line: string): void {
    if (line.trim() !== '' && this.#last?.event !== 'error' && this.#failure === null) this.#listener.line(name, line);
  }

  /** A line of the coordinator's output; undefined where it is no event, and is shown as it is. */
  parse(line: string): CoordinatorEvent | undefined {
    const event = asEvent(line);
    if (event === undefined) {
      this.line('coordinator', line);
      return undefined;
    }
    if (this.#isStartedAgain && event.event === 'done' && event.interrupted === true) {
      this.#held = event;
      this.note(`gave way    after step ${String(event.step)}, saved: it goes on when it is started again`);
      return event;
    }
    if (event.event === 'done' || event.event === 'error') this.#last = event;
    if (this.#failure === null) this.#listener.event(event);
    return event;
  }
}

function asEvent(line: string): CoordinatorEvent | undefined {
  if (!line.startsWith('{"event":')) return undefined;
  try {
    return JSON.parse(line) as CoordinatorEvent;
  } catch {
    return undefined;
  }
}
