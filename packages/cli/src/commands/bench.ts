import { isGiven, sizesOf, textOf } from '../arguments.js';
import type { Args, Command } from '../command.js';
import { BENCH_STEPS_DEFAULT, VECTOR_SIZES_DEFAULT } from '../constants.js';
import { bytes, count } from '../formats/numbers.js';
import { SETTING_OPTIONS } from '../options.js';
import { configOf, localTransport } from '../run-config.js';

export const bench: Command = {
  name: 'bench',
  positional: { describe: 'what to measure', choices: ['train', 'allreduce'] },
  summary: 'Measure training or the all-reduce on this machine',
  options: [...SETTING_OPTIONS, 'config', 'bytes', 'json'],
  examples: [
    ['bench train --workers 2 --batch 128', 'Images a second, and where the time of a step goes'],
    ['bench allreduce --workers 2 --bytes 4096,2.24MB --transport shm', 'Milliseconds of one all-reduce'],
  ],
  run: (args) => (args.what === 'train' ? benchTrain(args) : benchVectors(args)),
};

async function benchTrain(args: Args): Promise<number> {
  const given = textOf(args, 'steps') === undefined ? { ...args, steps: String(BENCH_STEPS_DEFAULT) } : args;
  const config = await configOf(given, { transport: localTransport() });
  const { measureTraining } = await import('../measure-training.js');
  const measured = await measureTraining(config);
  const { workers, shards, batch, steps, transport, topology, wire, updates } = config;
  const told = {
    event: 'done',
    bench: 'train',
    workers,
    shards,
    batch,
    steps,
    transport,
    topology,
    wire,
    updates,
    ...measured,
  };
  if (isGiven(args, 'json')) process.stdout.write(`${JSON.stringify(told)}\n`);
  else {
    const split = Object.entries(measured.phaseMs ?? {}).map(([phase, ms]) => `${phase} ${ms.toFixed(2)}`);
    process.stdout.write(
      `${count(measured.imagesPerSecond)} images/s, ${measured.msPerStep.toFixed(2)} ms a step (${split.join(', ')})\n`,
    );
  }
  return 0;
}

async function benchVectors(args: Args): Promise<number> {
  const config = await configOf(args, { transport: localTransport() });
  const sizes = sizesOf(textOf(args, 'bytes') ?? VECTOR_SIZES_DEFAULT);
  const { benchAllreduce } = await import('@gantry/collective');
  const { workers, transport, wire } = config;
  // Between processes of one machine there is nothing to measure a choice by.
  const topology = config.topology === 'auto' ? 'direct' : config.topology;
  const rows = await benchAllreduce({
    workers,
    bytes: sizes,
    transport,
    topology,
    wire,
    sumModule: import.meta.resolve('@gantry/engine'),
  });
  if (isGiven(args, 'json')) {
    for (const row of rows) process.stdout.write(`${JSON.stringify({ event: 'allreduce', ...row })}\n`);
    const told = { event: 'done', bench: 'allreduce', workers, transport, topology, wire, rows };
    process.stdout.write(`${JSON.stringify(told)}\n`);
    return 0;
  }
  for (const { bytes: size, msMedian, msP10, msP90 } of rows) {
    const spread = `p10 ${msP10.toFixed(3)}, p90 ${msP90.toFixed(3)}`;
    process.stdout.write(`${bytes(size).padStart(8)}  ${msMedian.toFixed(3).padStart(9)} ms  (${spread})\n`);
  }
  return 0;
}
