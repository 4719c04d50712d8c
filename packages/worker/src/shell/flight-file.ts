import { rename, rm, writeFile } from 'node:fs/promises';
import { flightDump } from '../core/flight-dump.js';
import type { FlightRecorder } from '../core/flight-recorder.js';
import type { ProgressWords } from './progress-words.js';

export interface FlightFileOptions {
  readonly path: string;
  readonly worker: string;
  readonly recorder: FlightRecorder;
  readonly progress: ProgressWords;
  /** `performance.timeOrigin` of the thread that records. */
  readonly timeOrigin: number;
  /** Tells the threads of a process apart that write the same file. */
  readonly writer: string;
}

/**
 * Where a worker leaves its flight recorder when something went wrong: the newest dump replaces the one before, as a whole.
 * Nobody waits for the disk, and that it is full is no trouble of the run.
 */
export class FlightFile {
  readonly #options: FlightFileOptions;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: FlightFileOptions) {
    this.#options = options;
  }

  /** What the ring holds now is what will be written. Resolves when it is, or cannot be. */
  write(reason: string): Promise<void> {
    const { path, worker, recorder, progress, timeOrigin, writer } = this.#options;
    const { phase, workingUpdate: update } = progress;
    const about = { worker, pid: process.pid, at: new Date().toISOString(), reason, phase, update };
    const nowMs = performance.timeOrigin + performance.now() - timeOrigin;
    const text = `${JSON.stringify(flightDump(recorder, { ...about, nowMs }))}\n`;
    this.#writing = this.#writing.then(() => replace(path, `${path}.${process.pid}.${writer}`, text)).catch(() => {});
    return this.#writing;
  }
}

async function replace(path: string, temporary: string, text: string): Promise<void> {
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
