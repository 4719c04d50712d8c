import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GantryError, type RunConfig } from '@gantry/common';
import { rowWidth, type TableSchema } from '@gantry/data';
import { choiceOf, isGiven, requiredText, settingsOf, textOf, wholeOf } from '../arguments.js';
import type { Args, Command } from '../command.js';
import { SAMPLES_DEFAULT } from '../constants.js';
import { count, counted } from '../formats/numbers.js';
import type { SampleSource } from '../generator.js';
import { abortOnInterrupt } from '../interrupts.js';
import { schemaOfRun } from '../run-schema.js';
import { formatOfEnding, SAMPLE_FORMATS, type SampleFormat } from '../sample-writer.js';
import type { WriteSamplesOptions } from '../write-samples.js';

/** Samples are numbered in 32 bits; a grid and single files have to fit memory and a folder. */
const COUNT_MAX: Readonly<Record<SampleFormat, number>> = {
  grid: 10_000,
  png: 1_000_000,
  npy: 2 ** 31,
  idx: 2 ** 31,
  csv: 2 ** 31,
};

export const generate: Command = {
  name: 'generate',
  summary: 'Make samples from a checkpoint; the same seed gives the same samples',
  options: ['out', 'count', 'seed', 'format', 'to', 'weights', 'checkpoint', 'engine', 'device', 'threads', 'json'],
  examples: [
    ['generate --out runs/mlp-1 --to digits.png', 'A picture of 64 samples'],
    ['generate --out runs/mlp-1 --count 10000 --seed 7 --to digits.npy', 'uint8 [10000, 28, 28] for NumPy'],
    ['generate --out runs/mlp-1 --count 100 --format png --to digits', 'A hundred files in a folder'],
    [
      'generate --out runs/table-1 --count 1000 --to rows.csv',
      'Of a run on csv:PATH: rows, by the schema of its columns',
    ],
    [
      'generate --out runs/mlp-1 --checkpoint 5000 --weights params --to raw.png',
      'As it was after step 5000, without EMA',
    ],
  ],
  async run(args) {
    const runDirectory = resolve(requiredText(args, 'out', '--out runs/mlp-1'));
    const target = targetOf(args);
    const seed = wholeOf(args, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0;
    const weights = choiceOf(args, 'weights', ['ema', 'params']);
    const { config, step, state, layout } = await openCheckpoint(args, runDirectory);
    const { openSampleSource } = await import('../generator.js');
    const schema = target.format === 'csv' ? await schemaOfRun(config, runDirectory) : undefined;
    const source = await openSampleSource({ config, state, layout, seed, weights });
    try {
      if (schema !== undefined) checkWidth(schema, source, config);
      await writeInterruptibly(source, schema === undefined ? target : { ...target, schema });
    } finally {
      await source.dispose();
    }
    tellDone(args, target, { seed, step, weights: source.weights });
    return 0;
  },
};

type Target = Pick<WriteSamplesOptions, 'format' | 'to' | 'count' | 'schema'>;

function checkWidth(schema: TableSchema, source: SampleSource, { dataset }: RunConfig): void {
  const size = source.imageShape.reduce((product, dimension) => product * dimension, 1);
  if (rowWidth(schema) === size) return;
  throw new GantryError(
    'GANTRY_DATASET_INVALID',
    `the schema of ${dataset} makes ${rowWidth(schema)} numbers of a row and the model ${size}: it has changed since the run`,
    { details: { dataset } },
  );
}

function targetOf(args: Args): Target {
  const named = choiceOf(args, 'format', SAMPLE_FORMATS);
  const path = requiredText(args, 'to', named === 'png' ? '--to samples' : `--to samples.${extension(named)}`);
  const format = named ?? formatOfEnding(path);
  const count = wholeOf(args, 'count', { min: 1, max: COUNT_MAX[format] }) ?? SAMPLES_DEFAULT;
  return { format, to: resolve(path), count };
}

function tellDone(args: Args, target: Target, made: { seed: number; step: number; weights: string }): void {
  const { format, to, count: samples } = target;
  const files = format === 'png' ? samples : 1;
  if (isGiven(args, 'json')) {
    const { seed, step, weights } = made;
    const told = { event: 'done', count: samples, seed, format, path: to, files, step, weights };
    process.stdout.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const what = `${counted(samples, 'sample')} of step ${count(made.step)} (${made.weights}) in ${to}`;
  process.stderr.write(`${what}${format === 'png' ? `: ${counted(files, 'file')}` : ''}\n`);
}

/** Tells how far it is; a signal ends it cleanly. */
async function writeInterruptibly(source: SampleSource, target: Target): Promise<void> {
  const [{ writeSamples }, { createSampleProgress }] = await Promise.all([
    import('../write-samples.js'),
    import('../reporters/sample-progress.js'),
  ]);
  const { signal, release } = abortOnInterrupt();
  const progress = createSampleProgress(target.count);
  try {
    await writeSamples(source, { ...target, signal, onProgress: progress.made });
  } finally {
    progress.close();
    release();
  }
}

function extension(format: SampleFormat | undefined): string {
  if (format === 'npy' || format === 'csv') return format;
  return format === 'idx' ? 'idx3-ubyte' : 'png';
}

async function openCheckpoint(args: Args, runDirectory: string) {
  const step = wholeOf(args, 'checkpoint', { min: 0, max: Number.MAX_SAFE_INTEGER });
  requireRun(runDirectory);
  const [{ readCheckpoint }, { parseRunConfig }] = await Promise.all([
    import('@gantry/coordinator'),
    import('@gantry/common/config'),
  ]);
  const { manifest, state, layout, damaged } = await readCheckpoint(runDirectory, step === undefined ? {} : { step });
  await warnOfDamaged(damaged, { step: manifest.step, json: isGiven(args, 'json') });
  const stored = JSON.parse(manifest.runConfigJson) as RunConfig;
  const config = parseRunConfig({ ...stored, ...settingsOf(onlyDevice(args)) }, 'the checkpoint or a flag');
  return { config, step: manifest.step, state, layout };
}

/** A folder with checkpoints alone will do: somebody may have kept no more of the run. */
function requireRun(runDirectory: string): void {
  if (['config.yaml', 'checkpoints'].some((name) => existsSync(join(runDirectory, name)))) return;
  const what = existsSync(runDirectory) ? 'holds no run (no config.yaml and no checkpoints)' : 'does not exist';
  throw new GantryError(
    'GANTRY_RUN_NOT_FOUND',
    `${runDirectory} ${what}. Name a run directory with --out, or begin a run with gantry train`,
    { details: { runDirectory } },
  );
}

async function warnOfDamaged(
  damaged: readonly { readonly message: string }[],
  { step, json }: { step: number; json: boolean },
): Promise<void> {
  if (damaged.length === 0) return;
  const { createReporter } = await import('../reporters/create-reporter.js');
  const reporter = await createReporter({ json });
  for (const { message } of damaged) {
    reporter.event({ event: 'warning', message: `${message}; the samples are of step ${count(step)}` });
  }
  reporter.close();
}

/** `--seed` is of the samples, not of the run. */
function onlyDevice(args: Args): Args {
  const chosen: Record<string, string> = {};
  for (const name of ['engine', 'device', 'threads'] as const) {
    const value = textOf(args, name);
    if (value !== undefined) chosen[name] = value;
  }
  return chosen;
}
