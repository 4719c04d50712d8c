import { OWED_BYTES_MAX, SUPPLY_BYTES_MAX } from './constants.js';

/** A piece of the data set that a member asked for. */
export interface PieceRequest {
  readonly peer: string;
  /** SHA-256 of the data set that it means. */
  readonly datasetSha256: string;
  readonly chunk: number;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Which piece of the data set is sent next: members take turns, each gets its pieces in the order in which it asked, and what is
 * read and not yet handed to the socket is bounded, however many ask.
 *
 * Invariant: a list in the map is not empty; `owed` of a peer is what it has asked for and not been sent.
 */
export class PieceQueue {
  /** In the order of their turns. */
  readonly #waiting = new Map<string, PieceRequest[]>();
  readonly #owed = new Map<string, number>();
  #inFlight = 0;

  /** Bytes that are read, or wait in the socket's queue. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** @returns which rule it breaks, in words; null: it waits for its turn */
  add(request: PieceRequest): string | null {
    const { peer, bytes } = request;
    const owed = (this.#owed.get(peer) ?? 0) + bytes;
    if (bytes === 0) return 'asks for no bytes';
    if (owed > OWED_BYTES_MAX) return `asks for ${owed} bytes at one time, ${OWED_BYTES_MAX} are allowed`;
    this.#owed.set(peer, owed);
    const waiting = this.#waiting.get(peer);
    if (waiting === undefined) this.#waiting.set(peer, [request]);
    else waiting.push(request);
    return null;
  }

  /** The next one to be read and sent; null: none, or too much is in flight. */
  next(): PieceRequest | null {
    const turn = this.#waiting.entries().next();
    if (turn.done === true) return null;
    const [peer, waiting] = turn.value;
    const request = waiting[0]!;
    if (this.#inFlight > 0 && this.#inFlight + request.bytes > SUPPLY_BYTES_MAX) return null;
    waiting.shift();
    this.#waiting.delete(peer);
    if (waiting.length > 0) this.#waiting.set(peer, waiting);
    this.#inFlight += request.bytes;
    return request;
  }

  /** A piece has left, or cannot. */
  done({ peer, bytes }: PieceRequest): void {
    this.#inFlight -= bytes;
    const owed = this.#owed.get(peer);
    if (owed === undefined) return;
    if (owed > bytes) this.#owed.set(peer, owed - bytes);
    else this.#owed.delete(peer);
  }

  /** It is gone: what it waits for is not read any more. */
  forget(peer: string): void {
    this.#waiting.delete(peer);
    this.#owed.delete(peer);
  }
}
