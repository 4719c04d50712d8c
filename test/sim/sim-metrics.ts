import type { StepMetrics } from '@gantry/common';
import type { SimWorker } from './sim-worker.js';

const METRICS_EVERY_MS = 250;

/** What a worker measures of its steps, and sends some times a second, as step-meter.ts does. */
export class SimMetrics {
  readonly #worker: SimWorker;
  #rows: StepMetrics[] = [];
  #sentMs = 0;
  /** Of the step in hand. */
  #computedMs = 0;

  constructor(worker: SimWorker) {
    this.#worker = worker;
  }

  computed(ms: number): void {
    this.#computedMs += ms;
  }

  /** Null shards: the member did not do the whole step, so there is no row of it. */
  endStep(step: number, shards: number | null): void {
    const phaseMs = [1, this.#computedMs, 2, 1, 1];
    this.#computedMs = 0;
    if (shards !== null) {
      const sums = [1, 1, 1, 1, 1].map((one) => one * shards);
      this.#rows.push({ step, shards, sums, phaseMs, penalized: 0, endedMs: 0 });
    }
    if (this.#worker.world.clock.nowMs - this.#sentMs >= METRICS_EVERY_MS) this.flush();
  }

  flush(): void {
    this.#sentMs = this.#worker.world.clock.nowMs;
    if (this.#rows.length > 0) this.#worker.send({ kind: 'metrics', steps: this.#rows });
    this.#rows = [];
  }
}
