import { OWED_BYTES_MAX, SUPPLY_BYTES_MAX } from './constants.js';

/**
 * What a piece counts for at least, in bytes: a request waits as an object, is read, and leaves as a message of its own, however
 * little it asks for. A worker asks for less at the end of the samples and of the labels only, for which its credit has room.
 */
const PIECE_COST_BYTES_MIN = 4 << 10;

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
 * Invariant: a list in the map is not empty; `owed` of a peer is the cost of what it has asked for and not been sent.
 */
export class PieceQueue {
  /** In the order of their turns. */
  readonly #waiting = new Map<string, PieceRequest[]>();
  readonly #owed = new Map<string, number>();
  #inFlight = 0;

  /** Cost of what is read, or waits in the socket's queue, in bytes. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** @returns which rule it breaks, in words; null: it waits for its turn */
  add(request: PieceRequest): string | null {
    const { peer, bytes } = request;
    const owed = (this.#owed.get(peer) ?? 0) + costOf(request);
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
    if (this.#inFlight > 0 && this.#inFlight + costOf(request) > SUPPLY_BYTES_MAX) return null;
    waiting.shift();
    this.#waiting.delete(peer);
    if (waiting.length > 0) this.#waiting.set(peer, waiting);
    this.#inFlight += costOf(request);
    return request;
  }

  /** A piece has left, or cannot. */
  done(request: PieceRequest): void {
    const { peer } = request;
    const cost = costOf(request);
    this.#inFlight -= cost;
    const owed = this.#owed.get(peer);
    if (owed === undefined) return;
    if (owed > cost) this.#owed.set(peer, owed - cost);
    else this.#owed.delete(peer);
  }

  /** It is gone: what it waits for is not read any more. */
  forget(peer: string): void {
    this.#waiting.delete(peer);
    this.#owed.delete(peer);
  }
}

function costOf({ bytes }: PieceRequest): number {
  return Math.max(bytes, PIECE_COST_BYTES_MIN);
}
