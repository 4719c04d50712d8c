import assert from 'node:assert/strict';
import type { RunConfig } from '@gantry/common';

/** Bounds that the documentation of the settings gives, written down a second time. */
const WHOLE: readonly [keyof RunConfig, number, number][] = [
  ['workers', 1, 256],
  ['minWorkers', 1, 256],
  ['maxWorkers', 1, 256],
  ['maxRestarts', 0, 1_000_000],
  ['shards', 1, 4096],
  ['batch', 1, 1 << 20],
  ['steps', 1, 1e8],
  ['seed', 0, Number.MAX_SAFE_INTEGER],
  ['threads', 0, 1024],
  ['discriminatorUpdates', 1, 32],
  ['r1Interval', 1, 1e6],
  ['checkpointEvery', 0, 1e8],
  ['checkpointKeep', 1, 1e4],
  ['sampleEvery', 0, 1e8],
  ['verifyEvery', 0, 2 ** 31 - 1],
  ['leaseMs', 500, 60_000],
];
const CHOICES: readonly [keyof RunConfig, readonly string[]][] = [
  ['engine', ['onnx', 'tensorflow-gpu', 'tensorflow', 'js']],
  ['updates', ['alternating', 'simultaneous']],
  ['loss', ['non-saturating', 'minimax']],
  ['transport', ['shm', 'ipc', 'tcp']],
  ['topology', ['auto', 'direct', 'halving', 'star']],
  ['balance', ['auto', 'even']],
  ['stalled', ['replace', 'wait']],
  ['wire', ['fp32', 'bf16', 'fp16']],
];
const KEYS = [...WHOLE.map(([key]) => key), ...CHOICES.map(([key]) => key)]
  .concat(['preset', 'model', 'dataset', 'device', 'emaDecay', 'r1Gamma', 'adam'])
  .sort();

export function checkRunConfig(config: RunConfig): void {
  assert.deepEqual(Object.keys(config).sort(), KEYS);
  for (const [key, min, max] of WHOLE) {
    const value = config[key] as number;
    assert(Number.isSafeInteger(value) && value >= min && value <= max, key);
  }
  for (const [key, values] of CHOICES) assert(values.includes(config[key] as string), key);
  assert.match(config.preset, /^[a-z][a-z0-9-]{0,63}$/);
  assert(config.emaDecay >= 0 && config.emaDecay < 1);
  assert(config.r1Gamma >= 0 && config.r1Gamma <= 1e6);
  const { learningRate, beta1, beta2, epsilon } = config.adam;
  assert(learningRate > 0 && learningRate <= 10 && epsilon > 0 && epsilon <= 1);
  assert(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1);
  assert.equal(config.batch % config.shards, 0);
  assert(config.workers <= config.shards);
}
