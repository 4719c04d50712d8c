import type { DataLink, FrameReceiver, OutgoingFrame } from './data-link.js';
import type { DataSocket } from './data-socket.js';

/** This member's sockets to all others, for as many generations as their members stay the same. */
export class PeerSockets {
  readonly #bound: DataSocket;
  readonly #link: DataLink;

  /**
   * Connects to all peers; returns at once, sends wait for their connections.
   *
   * @param endpoints By member; null for this one.
   * @param keys Of encrypted sockets: their public keys, by member.
   * @throws GantryError GANTRY_TRANSPORT_FAILED for an endpoint that is none.
   */
  constructor(bound: DataSocket, endpoints: readonly (string | null)[], keys: readonly string[] = []) {
    this.#bound = bound;
    this.#link = bound.connect(endpoints, keys);
  }

  /** See {@link DataLink}. */
  get poll(): DataLink['poll'] {
    return this.#link.poll;
  }

  get isIdle(): boolean {
    return this.#link.isIdle;
  }

  setReceiver(receiver: FrameReceiver | null): void {
    this.#link.setReceiver(receiver);
  }

  send(frame: OutgoingFrame, update: number, flags: number): void {
    this.#link.send(frame, update, flags);
  }

  /** Closes all sockets, the bound one too. `drain`: what is queued may still leave for a short while. Idempotent. */
  close(drain = true): void {
    this.#bound.close(drain);
    this.#link.close(drain);
  }
}
