import { PHASES, type Phase } from '@gantry/common';
import type { FlightRecorder } from '../core/flight-recorder.js';
import { PHASE_INDEX, type ProgressWords } from './progress-words.js';

/**
 * Where the main thread is and where its time goes. Entering a phase closes the one before: a reading of the clock, a few
 * stores, a record; nothing is allocated.
 *
 * Invariant: the sum of `spentMs` is the time since the clock was made or last taken from.
 */
export class StepClock {
  /** Milliseconds by phase since they were last cleared; index as in PHASES. */
  readonly spentMs = new Float64Array(PHASES.length);
  readonly #progress: ProgressWords;
  readonly #recorder: FlightRecorder;
  readonly #events: readonly number[];
  #phase = PHASE_INDEX.starting;
  #sinceMs = performance.now();
  #update = 0;

  constructor(progress: ProgressWords, recorder: FlightRecorder) {
    this.#progress = progress;
    this.#recorder = recorder;
    this.#events = PHASES.map((phase) => recorder.event(phase));
  }

  /** When the current phase began, by the main thread's clock. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get phase(): Phase {
    return PHASES[this.#phase]!;
  }

  /** Update being worked on, from 1. */
  get update(): number {
    return this.#update;
  }

  /** Whether the coordinator asked this worker, as leader, to stop. */
  get isStopWished(): boolean {
    return this.#progress.isStopWished;
  }

  /** Names the update that the next phases belong to, from 1. */
  begin(update: number): void {
    this.#update = update;
  }

  /** @param phase Of {@link PHASE_INDEX}. */
  enter(phase: number): void {
    const now = performance.now();
    this.spentMs[this.#phase]! += now - this.#sinceMs;
    this.#phase = phase;
    this.#sinceMs = now;
    this.#progress.enter(phase, this.#update, now);
    this.#recorder.record(now, this.#events[phase]!, this.#update);
  }

  /** The last update that this worker has committed. */
  get committedUpdate(): number {
    return this.#progress.committed;
  }

  committed(update: number): void {
    this.#progress.commit(update);
  }
}
