interface Scheduled {
  readonly atMs: number;
  readonly sequence: number;
  readonly action: () => void;
}

/** Virtual time: what is due happens in the order of its time, and of its scheduling where that is the same. */
export class VirtualClock {
  /** A binary heap, the earliest first. */
  readonly #heap: Scheduled[] = [];
  #sequence = 0;
  #nowMs = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): void {
    const heap = this.#heap;
    heap.push({ atMs: this.#nowMs + delayMs, sequence: this.#sequence++, action });
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[parent]!)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Does what is due next. False: nothing is. */
  step(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return false;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    this.#nowMs = first.atMs;
    first.action();
    return true;
  }

  #sink(): void {
    const heap = this.#heap;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = kept;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
