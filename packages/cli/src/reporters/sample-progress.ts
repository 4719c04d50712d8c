import { count, roughDuration } from '../formats/numbers.js';

/** Time between two lines of a log, and between two frames on a terminal. What is done sooner tells nothing. */
const LINE_EVERY_MS = 5000;
const FRAME_EVERY_MS = 500;
const CLEAR_LINE = '\r\u001b[2K';

/** Where progress is written, and since when it counts. */
export interface ProgressOutput {
  readonly isTerminal: boolean;
  write(text: string): void;
  /** Milliseconds of a clock that never goes back. */
  nowMs(): number;
}

/** Tells how many samples are made: in a line that changes on a terminal, a line every few seconds elsewhere. */
export interface SampleProgress {
  made(samples: number): void;
  /** Clears the line on a terminal. */
  close(): void;
}

export function createSampleProgress(total: number, output: ProgressOutput = standardError()): SampleProgress {
  const everyMs = output.isTerminal ? FRAME_EVERY_MS : LINE_EVERY_MS;
  const startMs = output.nowMs();
  let lastMs = startMs;
  let isShown = false;
  return {
    made(samples) {
      const nowMs = output.nowMs();
      if (nowMs - lastMs < everyMs) return;
      lastMs = nowMs;
      isShown = true;
      const left = (((nowMs - startMs) / 1000) * (total - samples)) / samples;
      const text = `samples     ${count(samples)}/${count(total)}  ${roughDuration(left)} left`;
      output.write(output.isTerminal ? `${CLEAR_LINE}${text}` : `${text}\n`);
    },
    close() {
      if (isShown && output.isTerminal) output.write(CLEAR_LINE);
    },
  };
}

function standardError(): ProgressOutput {
  return {
    isTerminal: process.stderr.isTTY === true,
    write: (text) => void process.stderr.write(text),
    nowMs: () => performance.now(),
  };
}
