import { PieceCredit } from '../core/piece-credit.js';

/** Something that takes one message at a time: a ZeroMQ socket. */
export interface MessageSink {
  send(message: Uint8Array): Promise<void>;
}

export interface OutboxOptions {
  readonly sink: MessageSink;
  /** A heartbeat, which the other end answers at once. */
  readonly heartbeat: () => Uint8Array;
  /** Told of a message that could not be made or sent; what waits behind it is sent with the next. */
  readonly onError: (error: unknown) => void;
}

/**
 * One send in flight a socket (a second would fail with EBUSY), behind two queues: heartbeats and messages go before the
 * pieces of a state, of which only the next one is made, when its turn comes and few of them are on their way: what the socket
 * has taken goes before everything else.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #urgent: Uint8Array[] = [];
  readonly #bulk: Iterator<Uint8Array>[] = [];
  readonly #credit = new PieceCredit();
  #isPumping = false;
  #drained: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  push(message: Uint8Array): void {
    this.#urgent.push(message);
    this.#pump();
  }

  beat(): void {
    this.#queueBeat(0);
    this.#pump();
  }

  /** The other end has answered a heartbeat. */
  answered(): void {
    this.#credit.answered(performance.now());
    this.#pump();
  }

  /** Sends what `messages` yields, one after the other, whenever nothing else waits and the other end keeps up. */
  pushBulk(messages: Iterator<Uint8Array>): void {
    this.#bulk.push(messages);
    this.#pump();
  }

  /** Leaves out what of states has not been sent. */
  dropBulk(): void {
    this.#bulk.length = 0;
    this.#pump();
  }

  /** Ends when both queues are empty. */
  async drained(): Promise<void> {
    this.#pump();
    if (!this.#isPumping && this.#bulk.length === 0) return;
    await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  #queueBeat(pieces: 0 | 1): void {
    this.#urgent.push(this.#options.heartbeat());
    this.#credit.sent(pieces, performance.now());
  }

  #pump(): void {
    if (!this.#isPumping) void this.#run();
  }

  /** What is queued until the very end is sent: nothing comes between the last look and the word that it is over. */
  async #run(): Promise<void> {
    this.#isPumping = true;
    try {
      for (let message = this.#next(); message !== null; message = this.#next()) await this.#options.sink.send(message);
    } catch (error) {
      this.#options.onError(error);
    }
    this.#isPumping = false;
    if (this.#urgent.length > 0 || this.#bulk.length > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #next(): Uint8Array | null {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) return urgent;
    while (this.#bulk.length > 0 && this.#credit.isOpen) {
      // Out of the queue while it is asked: one that throws is not asked again.
      const messages = this.#bulk.shift()!;
      const { value, done } = messages.next();
      if (done === true) continue;
      this.#bulk.unshift(messages);
      this.#queueBeat(1);
      return value;
    }
    return null;
  }
}
