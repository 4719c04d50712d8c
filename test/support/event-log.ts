export type Event = { readonly event: string } & Readonly<Record<string, unknown>>;

/** What a `gantry` command prints with `--json`, read as it comes, wherever it runs. Lines that are no JSON are only kept. */
export class EventLog {
  readonly events: Event[] = [];
  /** Called with every event as it is read. */
  onEvent: (event: Event) => void = () => {};
  #text = '';
  #parsed = 0;
  #rest = '';
  #isOver = false;
  #waiting: (() => void)[] = [];

  /** All that was read. */
  get text(): string {
    return this.#text;
  }

  read(text: string): void {
    this.#text += text;
    const end = this.#text.lastIndexOf('\n') + 1;
    for (const line of this.#text.slice(this.#parsed, end).split('\n')) {
      if (!line.startsWith('{')) continue;
      const event = JSON.parse(line) as Event;
      this.events.push(event);
      this.onEvent(event);
    }
    this.#parsed = end;
    this.#wake();
  }

  /** Nothing more will come. @param rest What else is known, for the error of who waits. */
  end(rest = ''): void {
    this.#rest = rest;
    this.#isOver = true;
    this.#wake();
  }

  /** The first event that `matches`, as soon as it is printed. @param from Index of the first one that counts. */
  async until(matches: (event: Event) => boolean, from = 0): Promise<Event> {
    for (let seen = from; ; ) {
      for (; seen < this.events.length; seen++) if (matches(this.events[seen]!)) return this.events[seen]!;
      if (this.#isOver) throw new Error(`gantry ended before the awaited event:\n${this.#text}\n${this.#rest}`);
      await this.#more();
    }
  }

  /** When nothing more will come. */
  async ended(): Promise<void> {
    while (!this.#isOver) await this.#more();
  }

  untilStep(step: number): Promise<Event> {
    return this.until(({ event, step: at }) => event === 'progress' && (at as number) >= step);
  }

  /** So many steps from the last one that was told of. */
  progressed(steps: number): Promise<Event> {
    const last = this.events.findLast(({ event }) => event === 'progress');
    return this.untilStep(steps + ((last?.step as number | undefined) ?? 0));
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
