import { assert } from '@gantry/common';

export interface DataPlacesOptions {
  readonly sampleChunks: number;
  readonly labelChunks: number;
  readonly samplePlaces: number;
}

/**
 * Which chunk lies where in memory. Where all chunks of samples have a place, each has its own; else one that nobody needs soon
 * gives way. Labels, behind the samples, always have their own.
 *
 * Invariant: a chunk that is held (looked for, fetched, checked, stored) does not give way.
 */
export class DataPlaces {
  readonly sampleChunks: number;
  /** Nothing ever gives way. */
  readonly isWhole: boolean;
  readonly #samplePlaces: number;
  readonly #placeOf = new Map<number, number>();
  /** By place, of samples alone. */
  readonly #chunkAt: (number | null)[];
  readonly #held = new Set<number>();
  /** First turn in which a chunk is needed. */
  #turnOf = new Map<number, number>();
  /** Where the search for one that nobody needs begins: the one that came longest ago goes first. */
  #hand = 0;

  constructor({ sampleChunks, labelChunks, samplePlaces }: DataPlacesOptions) {
    assert(samplePlaces > 0 && samplePlaces <= sampleChunks, `${samplePlaces} places for ${sampleChunks} chunks`);
    this.sampleChunks = sampleChunks;
    this.#samplePlaces = samplePlaces;
    this.isWhole = samplePlaces === sampleChunks;
    this.#chunkAt = Array.from({ length: samplePlaces }, () => null);
    for (let k = 0; k < labelChunks; k++) this.#placeOf.set(sampleChunks + k, samplePlaces + k);
  }

  placeOf(chunk: number): number {
    const place = this.#placeOf.get(chunk);
    assert(place !== undefined, `chunk ${chunk} has no place`);
    return place;
  }

  /** What is needed now and soon, turns ascending. */
  want(needs: readonly { readonly turn: number; readonly chunks: readonly number[] }[]): void {
    this.#turnOf = new Map();
    for (const { turn, chunks } of needs) {
      for (const chunk of chunks) if (!this.#turnOf.has(chunk)) this.#turnOf.set(chunk, turn);
    }
  }

  /** A place for a chunk that `turn` needs, held from now on; null: every place has what is needed no later. */
  take(chunk: number, turn: number): { readonly place: number; readonly evicted: number | null } | null {
    if (chunk >= this.sampleChunks) return { place: this.placeOf(chunk), evicted: null };
    const place = this.isWhole ? chunk : this.#findPlace(turn);
    if (place === null) return null;
    const evicted = this.#chunkAt[place]!;
    if (evicted !== null) this.#placeOf.delete(evicted);
    this.#chunkAt[place] = chunk;
    this.#placeOf.set(chunk, place);
    this.#held.add(chunk);
    return { place, evicted };
  }

  /** It is whole, and may give way. */
  release(chunk: number): void {
    this.#held.delete(chunk);
  }

  /** A free place; else that of a chunk that nobody needs; else of the one that is needed last, later than in `turn`. */
  #findPlace(turn: number): number | null {
    let last: number | null = null;
    let lastTurn = turn;
    for (let i = 0; i < this.#samplePlaces; i++) {
      const place = (this.#hand + i) % this.#samplePlaces;
      const chunk = this.#chunkAt[place]!;
      if (chunk !== null && this.#held.has(chunk)) continue;
      const needed = chunk === null ? null : (this.#turnOf.get(chunk) ?? null);
      if (needed === null) {
        this.#hand = (place + 1) % this.#samplePlaces;
        return place;
      }
      if (needed > lastTurn) [last, lastTurn] = [place, needed];
    }
    return last;
  }
}
