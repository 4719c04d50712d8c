import { assert, DATA_PIECE_BYTES_MAX, GantryError } from '@gantry/common';
import { CREDIT_BYTES_FIRST, nextCredit } from './data-credit.js';
import { DataPlaces } from './data-places.js';

/** Chunks that are looked for, fetched, checked or stored at one time. */
const CHUNKS_AT_WORK_MAX = 8;
/** Between two looks for a chunk that another worker of this host is fetching, in milliseconds. */
export const CLAIM_RETRY_MS = 50;

/** What somebody needs for one turn, in the order of need; turns ascend. */
export interface DataNeed {
  readonly turn: number;
  readonly chunks: readonly number[];
}

/** What is needed now and soon. */
export interface DataWant {
  /** Needs of before are of a generation that is over. */
  readonly reset: boolean;
  /** Turns below it are done: their chunks may leave. */
  readonly first: number;
  readonly needs: readonly DataNeed[];
}

/** What came of the look for a chunk in the cache on disk: it is in its place now; nobody has it; somebody else is fetching it. */
export type LookOutcome = 'found' | 'missing' | 'claimed';

/** What the shell has to do, in order, all of it before it answers. */
export type FeedEffect =
  /** Nobody may read the chunk any more: its place is taken. */
  | { readonly type: 'evict'; readonly chunk: number }
  /** Look for it in the cache, and put it into its place; answered with `looked`. */
  | { readonly type: 'look'; readonly chunk: number; readonly place: number }
  | { readonly type: 'request'; readonly chunk: number; readonly offset: number; readonly bytes: number }
  /** Put the piece in hand into its place. */
  | { readonly type: 'write'; readonly place: number; readonly offset: number }
  /** All of it is in its place: compare its hash; answered with `checked`. */
  | { readonly type: 'check'; readonly chunk: number; readonly place: number }
  /** It may be read. */
  | { readonly type: 'here'; readonly chunk: number; readonly place: number }
  /** Put it into the cache; answered with `stored`, whatever comes of it. */
  | { readonly type: 'store'; readonly chunk: number; readonly place: number }
  /** The coordinator sends what its manifest does not say. */
  | { readonly type: 'fail'; readonly chunk: number };

export interface DataFeedOptions {
  /** Bytes of each chunk: first those of the samples, then those of the labels. */
  readonly chunkBytes: readonly number[];
  /** How many of them are of labels. */
  readonly labelChunks: number;
  /** Places for chunks of samples in memory; labels have their own. */
  readonly samplePlaces: number;
}

type Status = 'absent' | 'looking' | 'claimed' | 'fetching' | 'checking' | 'storing' | 'here';

interface Outstanding {
  readonly chunk: number;
  readonly offset: number;
  readonly bytes: number;
  readonly sentMs: number;
}

/**
 * Which chunk of the data set a worker looks for next, what it asks the coordinator for, and what gives way in memory. Pure: times
 * come in, effects come out.
 *
 * Invariants: a chunk that is not absent has a place; pieces are asked for, and come, in the order of `#outstanding`; at most the
 * credit is outstanding, or one piece.
 */
export class DataFeed {
  readonly #bytes: readonly number[];
  readonly #status: Status[];
  readonly #places: DataPlaces;
  #needs: readonly DataNeed[] = [];
  /** Chunks to be fetched, by turn of their coming, and the bytes of each that were asked for. */
  readonly #fetching = new Map<number, number>();
  #outstanding: Outstanding[] = [];
  #credit = CREDIT_BYTES_FIRST;
  #atWork = 0;
  #here = 0;
  /** By chunk: when to look again. */
  readonly #claimed = new Map<number, number>();
  /** Chunks that came with another hash once. */
  readonly #damaged = new Set<number>();
  #effects: FeedEffect[] = [];

  constructor({ chunkBytes, labelChunks, samplePlaces }: DataFeedOptions) {
    this.#bytes = chunkBytes;
    this.#status = chunkBytes.map(() => 'absent');
    const sampleChunks = chunkBytes.length - labelChunks;
    this.#places = new DataPlaces({ sampleChunks, labelChunks, samplePlaces });
  }

  /** Every chunk is here, for good. */
  get isComplete(): boolean {
    return this.#here === this.#bytes.length && this.#places.isWhole;
  }

  /** Some chunk is awaited from another worker of this host: `tick` from time to time. */
  get isWaiting(): boolean {
    return this.#claimed.size > 0;
  }

  want({ reset, first, needs }: DataWant, nowMs: number): readonly FeedEffect[] {
    const kept = reset ? [] : this.#needs.filter(({ turn }) => turn >= first);
    this.#needs = [...kept, ...needs];
    this.#places.want(this.#needs);
    return this.#proceed(nowMs);
  }

  looked(chunk: number, outcome: LookOutcome, nowMs: number): readonly FeedEffect[] {
    assert(this.#status[chunk] === 'looking', `chunk ${chunk} was looked for while it is ${this.#status[chunk]}`);
    if (outcome === 'missing') {
      this.#status[chunk] = 'fetching';
      this.#fetching.set(chunk, 0);
    } else {
      this.#atWork--;
      if (outcome === 'claimed') this.#claim(chunk, nowMs);
      else this.#becomeHere(chunk, 'here');
    }
    return this.#proceed(nowMs);
  }

  /** @throws GantryError GANTRY_PROTOCOL_INVALID where it is not the piece that is due */
  received(piece: { readonly chunk: number; readonly offset: number; readonly bytes: number }, nowMs: number) {
    const due = this.#outstanding[0];
    if (due?.chunk !== piece.chunk || due.offset !== piece.offset || due.bytes !== piece.bytes) {
      throw unexpected(piece, due);
    }
    this.#outstanding.shift();
    this.#credit = nextCredit(this.#credit, nowMs - due.sentMs);
    const place = this.#places.placeOf(due.chunk);
    this.#effects.push({ type: 'write', place, offset: due.offset });
    if (due.offset + due.bytes === this.#bytes[due.chunk]) {
      this.#status[due.chunk] = 'checking';
      this.#effects.push({ type: 'check', chunk: due.chunk, place });
    }
    return this.#proceed(nowMs);
  }

  /** One that is damaged is asked for once more: then it is no accident. */
  checked(chunk: number, isRight: boolean, nowMs: number): readonly FeedEffect[] {
    assert(this.#status[chunk] === 'checking', `chunk ${chunk} was checked while it is ${this.#status[chunk]}`);
    if (isRight) {
      this.#becomeHere(chunk, 'storing');
      this.#effects.push({ type: 'store', chunk, place: this.#places.placeOf(chunk) });
    } else if (this.#damaged.has(chunk)) {
      this.#effects.push({ type: 'fail', chunk });
    } else {
      this.#damaged.add(chunk);
      this.#status[chunk] = 'fetching';
      this.#fetching.set(chunk, 0);
    }
    return this.#proceed(nowMs);
  }

  stored(chunk: number, nowMs: number): readonly FeedEffect[] {
    assert(this.#status[chunk] === 'storing', `chunk ${chunk} was stored while it is ${this.#status[chunk]}`);
    this.#status[chunk] = 'here';
    this.#places.release(chunk);
    this.#atWork--;
    return this.#proceed(nowMs);
  }

  /** Looks again for what others were fetching. */
  tick(nowMs: number): readonly FeedEffect[] {
    for (const [chunk, atMs] of this.#claimed) {
      if (nowMs < atMs || this.#atWork >= CHUNKS_AT_WORK_MAX) continue;
      this.#claimed.delete(chunk);
      this.#look(chunk, this.#places.placeOf(chunk));
    }
    return this.#proceed(nowMs);
  }

  /** There is a new connection: what was asked for on the old one is asked for again. */
  reconnected(nowMs: number): readonly FeedEffect[] {
    this.#outstanding = this.#outstanding.map((one) => ({ ...one, sentMs: nowMs }));
    for (const { chunk, offset, bytes } of this.#outstanding) {
      this.#effects.push({ type: 'request', chunk, offset, bytes });
    }
    return this.#proceed(nowMs);
  }

  /** Starts what can be started, and hands out all effects. */
  #proceed(nowMs: number): readonly FeedEffect[] {
    while (this.#atWork < CHUNKS_AT_WORK_MAX && this.#startNext());
    this.#request(nowMs);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #startNext(): boolean {
    const next = this.#nextAbsent();
    const placed = next === null ? null : this.#places.take(next.chunk, next.turn);
    if (next === null || placed === null) return false;
    if (placed.evicted !== null) {
      this.#status[placed.evicted] = 'absent';
      this.#here--;
      this.#effects.push({ type: 'evict', chunk: placed.evicted });
    }
    this.#look(next.chunk, placed.place);
    return true;
  }

  /** Labels first, which every turn may need; then by need; then, where all of it has a place, the rest. */
  #nextAbsent(): { readonly chunk: number; readonly turn: number } | null {
    for (let chunk = this.#places.sampleChunks; chunk < this.#bytes.length; chunk++) {
      if (this.#status[chunk] === 'absent') return { chunk, turn: Number.NEGATIVE_INFINITY };
    }
    for (const { turn, chunks } of this.#needs) {
      const chunk = chunks.find((one) => this.#status[one] === 'absent');
      if (chunk !== undefined) return { chunk, turn };
    }
    if (!this.#places.isWhole || this.#needs.length === 0) return null;
    const chunk = this.#status.indexOf('absent');
    return chunk < 0 ? null : { chunk, turn: Number.POSITIVE_INFINITY };
  }

  #look(chunk: number, place: number): void {
    this.#atWork++;
    this.#status[chunk] = 'looking';
    this.#effects.push({ type: 'look', chunk, place });
  }

  #claim(chunk: number, nowMs: number): void {
    this.#status[chunk] = 'claimed';
    this.#claimed.set(chunk, nowMs + CLAIM_RETRY_MS);
  }

  #becomeHere(chunk: number, status: 'here' | 'storing'): void {
    this.#status[chunk] = status;
    this.#here++;
    if (status === 'here') this.#places.release(chunk);
    this.#effects.push({ type: 'here', chunk, place: this.#places.placeOf(chunk) });
  }

  #request(nowMs: number): void {
    let owed = this.#outstanding.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [chunk, asked] of this.#fetching) {
      let offset = asked;
      for (const total = this.#bytes[chunk]!; offset < total; ) {
        const bytes = Math.min(DATA_PIECE_BYTES_MAX, total - offset);
        if (owed > 0 && owed + bytes > this.#credit) {
          this.#fetching.set(chunk, offset);
          return;
        }
        this.#effects.push({ type: 'request', chunk, offset, bytes });
        this.#outstanding.push({ chunk, offset, bytes, sentMs: nowMs });
        owed += bytes;
        offset += bytes;
      }
      this.#fetching.delete(chunk);
    }
  }
}

function unexpected(
  piece: { chunk: number; offset: number; bytes: number },
  due: Outstanding | undefined,
): GantryError {
  const asked = due === undefined ? 'nothing' : `${due.bytes} bytes at byte ${due.offset} of chunk ${due.chunk}`;
  return new GantryError(
    'GANTRY_PROTOCOL_INVALID',
    `${piece.bytes} bytes at byte ${piece.offset} of chunk ${piece.chunk} of the data set came, where ${asked} had been asked for`,
    { details: { chunk: piece.chunk, offset: piece.offset } },
  );
}
