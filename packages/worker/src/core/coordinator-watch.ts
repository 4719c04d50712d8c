/**
 * Decides when a silent coordinator is lost. It counts beats of the worker's own timer instead of reading a clock: a worker
 * that was itself stopped for a while (a suspended laptop, a debugger) then hears what has queued up before it gives up.
 */
export class CoordinatorWatch {
  readonly #silentBeatsMax: number;
  #silentBeats = 0;

  constructor({ leaseMs, heartbeatMs }: { leaseMs: number; heartbeatMs: number }) {
    this.#silentBeatsMax = Math.max(2, Math.ceil(leaseMs / heartbeatMs));
  }

  /** A frame came. */
  heard(): void {
    this.#silentBeats = 0;
  }

  /** A beat passed. Returns whether the coordinator is lost. */
  beat(): boolean {
    this.#silentBeats++;
    return this.#silentBeats > this.#silentBeatsMax;
  }
}
