import type { DataNeed, DataWant } from './data-feed.js';

/** Chunks that samples lie in, each once, in the order of need. */
export function chunksOf(
  samples: Iterable<number>,
  spanOf: (sample: number) => readonly [first: number, last: number],
): number[] {
  const chunks = new Set<number>();
  for (const sample of samples) {
    const [first, last] = spanOf(sample);
    for (let chunk = first; chunk <= last; chunk++) chunks.add(chunk);
  }
  return [...chunks];
}

/** What a member needs in its turns, told a few turns ahead. A turn is a batch of D's. */
export class DataNeeds {
  readonly #chunksAt: (turn: number) => readonly number[];
  readonly #ahead: number;
  readonly #told = new Map<number, readonly number[]>();
  #next: number | null = null;

  /** @param ahead Turns beyond the present one that are told. */
  constructor(chunksAt: (turn: number) => readonly number[], ahead: number) {
    this.#chunksAt = chunksAt;
    this.#ahead = ahead;
  }

  /** What has to be told when `turn` begins; turns ascend. */
  begin(turn: number): DataWant {
    const reset = this.#next === null;
    const needs: DataNeed[] = [];
    for (let at = Math.max(turn, this.#next ?? turn); at <= turn + this.#ahead; at++) {
      const need = { turn: at, chunks: this.#chunksAt(at) };
      this.#told.set(at, need.chunks);
      needs.push(need);
      this.#next = at + 1;
    }
    for (const at of this.#told.keys()) if (at < turn) this.#told.delete(at);
    return { reset, first: turn, needs };
  }

  /** Of a turn that has begun. */
  chunksOf(turn: number): readonly number[] {
    return this.#told.get(turn) ?? [];
  }
}
