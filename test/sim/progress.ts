import type { Phase } from '@gantry/common';

/** What the main thread tells the control thread, and the wish to stop the other way; StepClock's part of it too. */
export class Progress {
  phase: Phase = 'starting';
  workingUpdate = 0;
  /** Changes of phase. */
  count = 0;
  committed = 0;
  sinceMs = 0;
  isStopWished = false;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.sinceMs = nowMs();
  }

  enter(phase: Phase): void {
    this.phase = phase;
    this.sinceMs = this.#nowMs();
    this.count++;
  }
}
