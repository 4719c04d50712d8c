/**
 * Schedulers send a signal more than once within moments (Slurm at preemption, a shell that passes on what its child got too),
 * and a person means it when asking again after a look at the terminal, in milliseconds.
 */
export const SAME_REQUEST_MS = 1_000;

/** Tells a request that is repeated by a machine from one that a person makes again. */
export class StopRequests {
  /** When the first came; null: none has. */
  #firstMs: number | null = null;

  /**
   * @param nowMs By any clock that only goes forward.
   * @returns `first`; `same` for one that comes within {@link SAME_REQUEST_MS} of the first, and counts as that one; `again`
   */
  count(nowMs: number): 'first' | 'same' | 'again' {
    if (this.#firstMs === null) {
      this.#firstMs = nowMs;
      return 'first';
    }
    return nowMs - this.#firstMs < SAME_REQUEST_MS ? 'same' : 'again';
  }
}
