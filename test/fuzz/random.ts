/** Deeper than any recursion of V8 goes. */
const DEEPEST = 15_000;

/** mulberry32 (Tommy Ettinger, public domain), begun at a mix of seed and index. */
export class Random {
  #state: number;

  constructor(seed: number, index: number) {
    this.#state = Math.imul(seed ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b) ^ index;
  }

  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let word = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return (word ^ (word >>> 14)) >>> 0;
  }

  below(bound: number): number {
    return this.word() % Math.max(1, bound);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.word());
  }

  /** Mostly small, rarely as deep as it goes. */
  depth(): number {
    return this.below(400) === 0 ? this.below(DEEPEST) : 1 + this.below(40);
  }
}
