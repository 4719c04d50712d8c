import { assert, type StepMetrics } from '@gantry/common';

/** Phases whose times a step reports, in the order of the protocol: load, compute, gather, update, commit. */
export const STEP_PHASES = ['loading', 'computing', 'gathering', 'updating', 'committing'] as const;

/** Columns of a row: its step, then these, then its sums and its phases. */
const [PENALIZED, ENDED, SUMS] = [1, 2, 3];

/**
 * Sums and times of the steps since the last message. Rows are numbers in one array made once, so that a step allocates
 * nothing; objects are made when a batch is sent, a few times a second.
 */
export class MetricsBatch {
  readonly #metrics: number;
  readonly #shards: number;
  readonly #rows: Float64Array;
  readonly #columns: number;
  readonly #capacity: number;
  #count = 0;

  /**
   * @param metrics Sums a step.
   * @param shards Shards that each sum is over.
   * @param capacity Steps that fit.
   */
  constructor({ metrics, shards, capacity }: { metrics: number; shards: number; capacity: number }) {
    this.#metrics = metrics;
    this.#shards = shards;
    this.#capacity = capacity;
    this.#columns = SUMS + metrics + STEP_PHASES.length;
    this.#rows = new Float64Array(this.#columns * capacity);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get isFull(): boolean {
    return this.#count === this.#capacity;
  }

  /** Sums of the step that is being done [metrics]: added to, then kept by `endStep`. */
  addMetric(index: number, value: number): void {
    this.#rows[this.#row + SUMS + index]! += value;
  }

  addPenalized(): void {
    this.#rows[this.#row + PENALIZED]! += 1;
  }

  /** Milliseconds spent in the phase at `index` of {@link STEP_PHASES}. */
  addPhase(index: number, ms: number): void {
    this.#rows[this.#row + SUMS + this.#metrics + index]! += ms;
  }

  /**
   * Closes the current step. There must be room: send when {@link isFull}.
   *
   * @param endedMs Unix time in milliseconds.
   */
  endStep(step: number, endedMs: number): void {
    this.#rows[this.#row] = step;
    this.#rows[this.#row + ENDED] = endedMs;
    this.#count++;
  }

  /** Forgets the current step. */
  dropStep(): void {
    this.#rows.fill(0, this.#row, this.#row + this.#columns);
  }

  /** All closed steps; the batch begins anew. */
  take(): StepMetrics[] {
    const steps = Array.from({ length: this.#count }, (_, index) => this.#read(index * this.#columns));
    this.#rows.fill(0);
    this.#count = 0;
    return steps;
  }

  get #row(): number {
    assert(this.#count < this.#capacity, 'a batch of metrics is full');
    return this.#count * this.#columns;
  }

  #read(at: number): StepMetrics {
    const phases = at + SUMS + this.#metrics;
    return {
      step: this.#rows[at]!,
      penalized: this.#rows[at + PENALIZED]!,
      endedMs: Math.round(this.#rows[at + ENDED]!),
      shards: this.#shards,
      sums: [...this.#rows.subarray(at + SUMS, phases)],
      phaseMs: [...this.#rows.subarray(phases, phases + STEP_PHASES.length)],
    };
  }
}
