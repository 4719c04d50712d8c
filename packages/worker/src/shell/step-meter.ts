import type { Message } from '@gantry/common';
import { METRIC_NAMES, type UpdatePlan } from '@gantry/gan';
import { METRICS_EVERY_MS, METRICS_STEPS_MAX } from '../constants.js';
import { MetricsBatch, STEP_PHASES } from '../core/metrics-batch.js';
import type { GradientSet } from './gradient-set.js';
import { PHASE_INDEX } from './progress-words.js';
import type { StepClock } from './step-clock.js';

const PENALTY = METRIC_NAMES.indexOf('penalty');
const GENERATOR_LOSS = METRIC_NAMES.indexOf('generatorLoss');
const PHASES_OF_STEP = STEP_PHASES.map((phase) => PHASE_INDEX[phase]);

export interface StepMeterOptions {
  readonly clock: StepClock;
  readonly shards: number;
  readonly discriminatorUpdates: number;
  readonly send: (message: Message) => void;
}

/** Adds up a worker's losses and times by step, and sends them some times a second. */
export class StepMeter {
  readonly #clock: StepClock;
  readonly #batch: MetricsBatch;
  readonly #discriminatorShare: number;
  readonly #send: (message: Message) => void;
  #sentMs = 0;

  constructor({ clock, shards, discriminatorUpdates, send }: StepMeterOptions) {
    this.#clock = clock;
    this.#send = send;
    this.#discriminatorShare = 1 / discriminatorUpdates;
    this.#batch = new MetricsBatch({ metrics: METRIC_NAMES.length, shards, capacity: METRICS_STEPS_MAX });
  }

  /** Adds what the own shards of an update gave. Returns the index of a metric that is not finite, or −1. */
  add(plan: UpdatePlan, gradients: GradientSet): number {
    // A hub has no shards, and no programs.
    if (gradients.metrics.length === 0) return -1;
    const { metrics } = gradients.program(plan);
    let bad = -1;
    for (const row of gradients.metrics) {
      for (const index of metrics) {
        const value = row[index]!;
        if (!Number.isFinite(value)) bad = index;
        const once = index === PENALTY || index === GENERATOR_LOSS;
        this.#batch.addMetric(index, once ? value : value * this.#discriminatorShare);
      }
    }
    if (plan.penalized) this.#batch.addPenalized();
    return bad;
  }

  /** @param isWhole False: not all of the step was done here, and it is not told. */
  endStep(step: number, isWhole = true): void {
    const { spentMs, sinceMs } = this.#clock;
    for (let index = 0; index < PHASES_OF_STEP.length; index++) {
      this.#batch.addPhase(index, spentMs[PHASES_OF_STEP[index]!]!);
    }
    spentMs.fill(0);
    if (!isWhole) {
      this.#batch.dropStep();
      return;
    }
    this.#batch.endStep(step, performance.timeOrigin + sinceMs);
    if (this.#batch.isFull || sinceMs - this.#sentMs >= METRICS_EVERY_MS) this.flush();
  }

  /** Sends what has not been sent. */
  flush(): void {
    this.#sentMs = this.#clock.sinceMs;
    if (!this.#batch.isEmpty) this.#send({ kind: 'metrics', steps: this.#batch.take() });
  }
}
