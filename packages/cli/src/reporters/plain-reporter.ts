import { describeEvent, describeProgress } from './describe-event.js';
import type { ProgressEvent, Reporter } from './reporter.js';

/** Least time between two progress lines, so that a log of a long run stays readable. */
const LINE_EVERY_MS = 2000;

/** Plain lines on stderr, for logs and pipes. */
export function createPlainReporter(): Reporter {
  let lastMs = Number.NEGATIVE_INFINITY;
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  const progress = (event: ProgressEvent): void => {
    const nowMs = performance.now();
    if (nowMs - lastMs < LINE_EVERY_MS && event.step < event.steps) return;
    lastMs = nowMs;
    say(describeProgress(event));
  };
  return {
    showsErrors: false,
    event(event) {
      if (event.event === 'progress') return progress(event);
      const text = describeEvent(event);
      if (text !== undefined) say(text);
    },
    note: say,
    close() {},
  };
}
