import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunConfig } from '@gantry/common';
import type { PhaseMs } from '@gantry/coordinator';
import { superviseRun } from './supervise.js';

/** How fast a run trains, start-up and first steps left out. */
export interface TrainingMeasure {
  /** Real images consumed by D per second. */
  readonly imagesPerSecond: number;
  readonly msPerStep: number;
  /** Where the time of a step goes, mean over the workers; null if there were too few steps. */
  readonly phaseMs: PhaseMs | null;
  /** From the start of the coordinator to the word that lets training begin. */
  readonly startupMs: number;
}

/** A short run in a temporary folder, without checkpoints or pictures on the way. */
export async function measureTraining(config: RunConfig): Promise<TrainingMeasure> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-'));
  let startupMs = 0;
  const reporter = {
    showsErrors: false,
    event(event: { event: string; startupMs?: number }) {
      if (event.event === 'ready') startupMs = event.startupMs ?? 0;
    },
    note: (text: string) => void process.stderr.write(`${text}\n`),
    close() {},
  };
  try {
    const short = { ...config, checkpointEvery: 0, sampleEvery: 0 };
    const run = { config: short, runDirectory: join(folder, 'run'), localWorkers: config.workers, resume: false };
    const { imagesPerSecond, phaseMs } = await superviseRun(run, reporter);
    const imagesPerStep = config.batch * config.discriminatorUpdates;
    return { imagesPerSecond, msPerStep: (1000 * imagesPerStep) / imagesPerSecond, phaseMs, startupMs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
