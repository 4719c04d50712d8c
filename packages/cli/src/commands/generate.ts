import { resolve } from 'node:path';
import type { RunConfig } from '@gantry/common';
import { choiceOf, isGiven, requiredText, settingsOf, textOf, wholeOf } from '../arguments.js';
import type { Args, Command } from '../command.js';
import { SAMPLES_DEFAULT } from '../constants.js';
import { count } from '../formats/numbers.js';
import { formatOfEnding, SAMPLE_FORMATS, type SampleFormat } from '../sample-writer.js';

/** Samples are numbered in 32 bits; a grid and single files have to fit memory and a folder. */
const COUNT_MAX: Readonly<Record<SampleFormat, number>> = { grid: 10_000, png: 1_000_000, npy: 2 ** 31, idx: 2 ** 31 };

export const generate: Command = {
  name: 'generate',
  summary: 'Make samples from a checkpoint; the same seed gives the same samples',
  options: ['out', 'count', 'seed', 'format', 'to', 'weights', 'checkpoint', 'engine', 'device', 'threads', 'json'],
  examples: [
    ['generate --out runs/mlp-1 --to digits.png', 'A picture of 64 samples'],
    ['generate --out runs/mlp-1 --count 10000 --seed 7 --to digits.npy', 'uint8 [10000, 28, 28] for NumPy'],
    ['generate --out runs/mlp-1 --count 100 --format png --to digits', 'A hundred files in a folder'],
    [
      'generate --out runs/mlp-1 --checkpoint 5000 --weights params --to raw.png',
      'As it was after step 5000, without EMA',
    ],
  ],
  async run(args) {
    const runDirectory = resolve(requiredText(args, 'out', '--out runs/mlp-1'));
    const named = choiceOf(args, 'format', SAMPLE_FORMATS);
    const target = requiredText(args, 'to', named === 'png' ? '--to samples' : `--to samples.${extension(named)}`);
    const format = named ?? formatOfEnding(target);
    const to = resolve(target);
    const number = wholeOf(args, 'count', { min: 1, max: COUNT_MAX[format] }) ?? SAMPLES_DEFAULT;
    const seed = wholeOf(args, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0;
    const weights = choiceOf(args, 'weights', ['ema', 'params']);
    const { config, step, state, layout } = await openCheckpoint(args, runDirectory);
    const { openSampleSource } = await import('../generator.js');
    const source = await openSampleSource({ config, state, layout, seed, weights });
    const { writeSamples } = await import('../write-samples.js');
    await writeSamples(source, { format, to, count: number });
    await source.dispose();
    if (isGiven(args, 'json')) {
      const told = { event: 'done', count: number, seed, format, path: to, step, weights: source.weights };
      process.stdout.write(`${JSON.stringify(told)}\n`);
    } else process.stderr.write(`${count(number)} samples of step ${count(step)} (${source.weights}) in ${to}\n`);
    return 0;
  },
};

function extension(format: SampleFormat | undefined): string {
  return format === 'npy' ? 'npy' : format === 'idx' ? 'idx3-ubyte' : 'png';
}

async function openCheckpoint(args: Args, runDirectory: string) {
  const step = wholeOf(args, 'checkpoint', { min: 0, max: Number.MAX_SAFE_INTEGER });
  const [{ readCheckpoint }, { parseRunConfig }] = await Promise.all([
    import('@gantry/coordinator'),
    import('@gantry/common/config'),
  ]);
  const { manifest, state, layout } = await readCheckpoint(runDirectory, step === undefined ? {} : { step });
  const stored = JSON.parse(manifest.runConfigJson) as RunConfig;
  const config = parseRunConfig({ ...stored, ...settingsOf(onlyDevice(args)) }, 'the checkpoint or a flag');
  return { config, step: manifest.step, state, layout };
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
