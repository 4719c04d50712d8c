import { assert, GantryError } from '@gantry/common';
import { Push } from 'zeromq';
import { DATA_DRAIN_MS, DATA_HIGH_WATER_MARK, DATA_MESSAGE_BYTES_MAX } from '../constants.js';
import { patchFrameHeader } from '../core/frame.js';
import type { DataSocket } from './data-socket.js';

/** A frame made once and sent in many updates. `payload` is sent in place: it must not change until the peer has it. */
export interface OutgoingFrame {
  readonly peer: number;
  /** Encoded; `fields` is a view of the same bytes. */
  readonly header: Buffer;
  readonly fields: DataView;
  readonly payload: Buffer | null;
}

/** What arrived, as it came: header, then payload. */
export type MessageHandler = (parts: readonly Buffer[]) => void;

/** Messages that may wait for a receiver between two generations. */
const BACKLOG_MAX = 4096;
const ENDPOINT_PATTERN = /^(ipc:\/\/\/\S+|tcp:\/\/\S+:\d{1,5})$/;

/**
 * This member's sockets to all others: one PULL that everybody sends to, one PUSH to each. A socket has one send in
 * flight; what comes meanwhile waits in a queue that is bounded by the frames of one update.
 */
export class PeerSockets {
  readonly #bound: DataSocket;
  readonly #outgoing: readonly (Outgoing | null)[];
  readonly #backlog: (readonly Buffer[])[] = [];
  #handler: MessageHandler | null = null;
  #onFailure: ((error: GantryError) => void) | null = null;
  #failure: GantryError | null = null;
  #closed = false;

  /**
   * Connects to all peers; returns at once, sends wait for their connections.
   *
   * @param endpoints By member; null for this one.
   * @throws GantryError GANTRY_TRANSPORT_FAILED for an endpoint that is none.
   */
  constructor(bound: DataSocket, endpoints: readonly (string | null)[]) {
    this.#bound = bound;
    for (const endpoint of endpoints) {
      if (endpoint === null || ENDPOINT_PATTERN.test(endpoint)) continue;
      throw new GantryError('GANTRY_TRANSPORT_FAILED', `${JSON.stringify(endpoint)} is not an ipc or tcp endpoint`);
    }
    const fail = (error: unknown) => this.#fail(error);
    this.#outgoing = endpoints.map((endpoint) => (endpoint === null ? null : new Outgoing(bound, endpoint, fail)));
    void this.#receive();
  }

  /** Queues a frame; patches it with this update's number and flags when its turn comes. */
  send(frame: OutgoingFrame, update: number, flags: number): void {
    const outgoing = this.#outgoing[frame.peer];
    assert(outgoing, `no socket to member ${frame.peer}`);
    patchFrameHeader(frame.fields, update, flags);
    outgoing.send(frame);
  }

  /** Makes `handler` the receiver of everything, beginning with what waited for one; null leaves messages waiting. */
  receiveWith(handler: MessageHandler | null, onFailure: ((error: GantryError) => void) | null): void {
    this.#handler = handler;
    this.#onFailure = onFailure;
    if (handler !== null) for (const parts of this.#backlog.splice(0)) handler(parts);
    if (this.#failure !== null) onFailure?.(this.#failure);
  }

  /** Closes all sockets; what is queued may still leave for a short while. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const outgoing of this.#outgoing) outgoing?.close();
    this.#bound.close();
  }

  async #receive(): Promise<void> {
    const { pull } = this.#bound;
    try {
      while (!this.#closed) {
        const parts = await pull.receive();
        if (this.#handler !== null) this.#handler(parts);
        else this.#keep(parts);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #keep(parts: readonly Buffer[]): void {
    if (this.#backlog.length < BACKLOG_MAX) this.#backlog.push(parts);
    else
      throw new GantryError(
        'GANTRY_PROTOCOL_INVALID',
        `peers sent ${BACKLOG_MAX} messages before this member was ready`,
      );
  }

  #fail(cause: unknown): void {
    if (this.#closed) return;
    this.#failure ??=
      cause instanceof GantryError
        ? cause
        : new GantryError('GANTRY_TRANSPORT_FAILED', `a data socket failed: ${(cause as Error).message}`, { cause });
    this.#onFailure?.(this.#failure);
  }
}

/** One PUSH socket and the frames that wait for it. */
class Outgoing {
  readonly #socket: Push;
  readonly #queue: OutgoingFrame[] = [];
  readonly #fail: (error: unknown) => void;
  #next = 0;
  #isSending = false;

  constructor(bound: DataSocket, endpoint: string, fail: (error: unknown) => void) {
    this.#fail = fail;
    this.#socket = new Push({
      context: bound.context,
      immediate: true,
      linger: 0,
      maxMessageSize: DATA_MESSAGE_BYTES_MAX,
      sendHighWaterMark: DATA_HIGH_WATER_MARK,
      reconnectInterval: 20,
    });
    this.#socket.connect(endpoint);
  }

  send(frame: OutgoingFrame): void {
    this.#queue.push(frame);
    if (!this.#isSending) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#isSending = true;
    try {
      while (this.#next < this.#queue.length) {
        const { header, payload } = this.#queue[this.#next++]!;
        await this.#socket.send(payload === null ? [header] : [header, payload]);
      }
      this.#queue.length = 0;
      this.#next = 0;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isSending = false;
    }
  }

  close(): void {
    this.#socket.linger = DATA_DRAIN_MS;
    this.#socket.close();
  }
}
