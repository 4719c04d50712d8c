import type { Phase } from '@gantry/common';
import { STUCK_CHECK_MS, STUCK_MS } from '../constants.js';
import type { FlightFile } from './flight-file.js';
import type { ProgressWords } from './progress-words.js';

/** Phases of an update: what else a worker does may rightly take long, or waits for people. */
const OF_AN_UPDATE: ReadonlySet<Phase> = new Set([
  'loading',
  'computing',
  'gathering',
  'updating',
  'committing',
  'saving',
  'sampling',
]);

export interface StuckWatchOptions {
  readonly file: FlightFile;
  readonly progress: ProgressWords;
  readonly mainTimeOrigin: number;
}

/**
 * Writes the flight recorder once for every phase that takes long, from the thread that a stuck main thread cannot block: a
 * worker that hangs is killed, and one that waits for it may be killed with the run, without another word.
 */
export function watchStuck({ file, progress, mainTimeOrigin }: StuckWatchOptions): { close(): void } {
  let told = -1;
  const timer = setInterval(() => {
    const { phase, progress: at } = progress;
    const ms = progress.phaseMs(performance.timeOrigin + performance.now() - mainTimeOrigin);
    if (at === told || ms < STUCK_MS || !OF_AN_UPDATE.has(phase)) return;
    told = at;
    void file.write(`in phase ${phase} for ${(ms / 1000).toFixed(1)} s`);
  }, STUCK_CHECK_MS);
  return { close: () => clearInterval(timer) };
}
