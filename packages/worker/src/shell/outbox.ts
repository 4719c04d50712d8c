/** Something that takes one message at a time: a ZeroMQ socket. */
export interface MessageSink {
  send(message: Uint8Array): Promise<void>;
}

/**
 * One send in flight a socket (a second would fail with EBUSY), behind two queues: heartbeats and messages go before the
 * pieces of a state, of which only the next one is made, when its turn comes.
 */
export class Outbox {
  readonly #sink: MessageSink;
  readonly #onError: (error: unknown) => void;
  readonly #urgent: Uint8Array[] = [];
  readonly #bulk: Iterator<Uint8Array>[] = [];
  #pumping: Promise<void> | null = null;

  /** @param onError Told of a message that could not be made or sent; what waits behind it is sent with the next. */
  constructor(sink: MessageSink, onError: (error: unknown) => void) {
    this.#sink = sink;
    this.#onError = onError;
  }

  push(message: Uint8Array): void {
    this.#urgent.push(message);
    this.#pump();
  }

  /** Sends what `messages` yields, one after the other, whenever nothing else waits. */
  pushBulk(messages: Iterator<Uint8Array>): void {
    this.#bulk.push(messages);
    this.#pump();
  }

  /** Leaves out what of states has not been sent. */
  dropBulk(): void {
    this.#bulk.length = 0;
  }

  /** Ends when both queues are empty. */
  async drained(): Promise<void> {
    await this.#pumping;
  }

  #pump(): void {
    this.#pumping ??= this.#run()
      .catch(this.#onError)
      .finally(() => {
        this.#pumping = null;
      });
  }

  async #run(): Promise<void> {
    for (let message = this.#next(); message !== null; message = this.#next()) await this.#sink.send(message);
  }

  #next(): Uint8Array | null {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) return urgent;
    while (this.#bulk.length > 0) {
      // Out of the queue while it is asked: one that throws is not asked again.
      const messages = this.#bulk.shift()!;
      const { value, done } = messages.next();
      if (done === true) continue;
      this.#bulk.unshift(messages);
      return value;
    }
    return null;
  }
}
