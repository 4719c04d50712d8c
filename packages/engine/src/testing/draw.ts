const RANK_MAX = 4;
/** One comes often: it is what broadcasts. */
const SIZES = [1, 1, 2, 3, 5];

/** Draws shapes, axes and the like. */
export class Draw {
  readonly #uniform: () => number;

  constructor(uniform: () => number) {
    this.#uniform = uniform;
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#uniform() * (high - low + 1));
  }

  flag(): boolean {
    return this.#uniform() < 0.5;
  }

  of<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)]!;
  }

  size(): number {
    return this.of(SIZES);
  }

  shape(rankMin = 0, rankMax = RANK_MAX): number[] {
    return Array.from({ length: this.between(rankMin, rankMax) }, () => this.size());
  }

  /** A shape that broadcasts to `shape`: leading axes left out, others one. */
  broadcastable(shape: readonly number[]): number[] {
    return shape.slice(this.between(0, shape.length)).map((size) => (this.#uniform() < 0.3 ? 1 : size));
  }

  /** Two shapes that broadcast against each other, either way. */
  pair(): [number[], number[]] {
    const whole = this.shape();
    const [a, b] = [this.broadcastable(whole), this.flag() ? whole : this.broadcastable(whole)];
    return this.flag() ? [a, b] : [b, a];
  }

  axis({ length }: readonly number[]): number {
    return this.between(0, length - 1);
  }

  axes({ length }: readonly number[]): number[] {
    return Array.from({ length }, (_, axis) => axis).filter(() => this.flag());
  }

  permutation({ length }: readonly number[]): number[] {
    const order = Array.from({ length }, (_, axis) => axis);
    for (let i = length - 1; i > 0; i--) {
      const j = this.between(0, i);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
