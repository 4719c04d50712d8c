import type { OnProgress } from '@gantry/data';
import { count, roughDuration } from '../formats/numbers.js';

/** Time between two lines. What is done sooner tells nothing. */
const LINE_EVERY_MS = 3000;

/** Tells how far the conversion of a data set is, in a line every few seconds. */
export function createConversionProgress(
  note: (line: string) => void,
  nowMs: () => number = () => performance.now(),
): OnProgress {
  let what = '';
  let startMs = nowMs();
  let lastMs = startMs;
  return (progress) => {
    const now = nowMs();
    if (progress.what !== what) {
      what = progress.what;
      startMs = now;
    }
    if (now - lastMs < LINE_EVERY_MS) return;
    lastMs = now;
    const { done, total } = progress;
    const left = (((now - startMs) / 1000) * (total - done)) / done;
    note(`data        ${what}: ${count(done)}/${count(total)}  ${roughDuration(left)} left`);
  };
}
