import { setTimeout as delay } from 'node:timers/promises';
import { FRAME_OVERHEAD_BYTES, OUTBOX_BYTES_MAX, SEND_RETRY_MS } from './constants.js';

interface Pending {
  readonly frame: Uint8Array;
  readonly resolve: (sent: boolean) => void;
}

interface Queue {
  readonly frames: Pending[];
  /** With {@link FRAME_OVERHEAD_BYTES} each. */
  bytes: number;
}

/**
 * One send in flight, as a socket of zeromq.js demands, and a queue for each peer, so that one that does not read holds up
 * nobody else. Invariant: a queue in the map is not empty.
 */
export class Outbox {
  readonly #queues = new Map<string, Queue>();
  readonly #sendNow: (peer: string, frame: Uint8Array) => Promise<void>;
  readonly #onGone: (peer: string) => void;
  #pumping: Promise<void> | null = null;

  /** `sendNow` rejects with EAGAIN where the peer's queue is full; any other rejection means that it is gone. */
  constructor(sendNow: (peer: string, frame: Uint8Array) => Promise<void>, onGone: (peer: string) => void) {
    this.#sendNow = sendNow;
    this.#onGone = onGone;
  }

  /** Resolves when the frame is handed over; false: the peer is gone. */
  add(peer: string, frame: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      const queue = this.#queues.get(peer) ?? { frames: [], bytes: 0 };
      queue.frames.push({ frame, resolve });
      queue.bytes += frame.length + FRAME_OVERHEAD_BYTES;
      this.#queues.set(peer, queue);
      if (queue.bytes > OUTBOX_BYTES_MAX) this.#giveUp(peer);
      this.#pumping ??= this.#pump();
    });
  }

  /** Nobody sends to this peer any more: what waits for it is dropped, and nothing is told. */
  forget(peer: string): void {
    this.#drop(peer);
  }

  /** Everything is handed over, or the time is up. */
  async drained(timeoutMs: number): Promise<void> {
    const timer = new AbortController();
    const late = delay(timeoutMs, undefined, { signal: timer.signal }).catch(() => {});
    await Promise.race([this.#pumping ?? Promise.resolve(), late]);
    timer.abort();
    for (const peer of [...this.#queues.keys()]) this.#drop(peer);
  }

  async #pump(): Promise<void> {
    while (this.#queues.size > 0) {
      let sent = 0;
      for (const peer of [...this.#queues.keys()]) sent += await this.#sendFrom(peer);
      if (sent === 0 && this.#queues.size > 0) await delay(SEND_RETRY_MS);
    }
    // Here, not when the promise is settled: what is added in between would wait for the next frame.
    this.#pumping = null;
  }

  /** Sends what one peer takes; returns how many frames that were. */
  async #sendFrom(peer: string): Promise<number> {
    let sent = 0;
    for (let queue = this.#queues.get(peer); queue !== undefined; queue = this.#queues.get(peer)) {
      const { frame, resolve } = queue.frames[0]!;
      try {
        await this.#sendNow(peer, frame);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN' || this.#queues.get(peer) !== queue) return sent;
        this.#giveUp(peer);
        return sent;
      }
      sent++;
      // Dropped meanwhile: another queue may have its place.
      if (this.#queues.get(peer) !== queue) return sent;
      queue.frames.shift();
      queue.bytes -= frame.length + FRAME_OVERHEAD_BYTES;
      if (queue.frames.length === 0) this.#queues.delete(peer);
      resolve(true);
    }
    return sent;
  }

  #giveUp(peer: string): void {
    this.#drop(peer);
    this.#onGone(peer);
  }

  #drop(peer: string): void {
    const queue = this.#queues.get(peer);
    this.#queues.delete(peer);
    for (const { resolve } of queue?.frames ?? []) resolve(false);
  }
}
