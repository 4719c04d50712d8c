import type { AdamConfig, RunConfig } from '../config-types.js';

/** Under every preset, flag and file. `shards` defaults to `workers`, `maxWorkers` to `shards`, `transport` and `topology` to what the host has. */
export const DEFAULT_ADAM: AdamConfig = { learningRate: 2e-4, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 };

export const DEFAULT_CONFIG: Omit<RunConfig, 'shards' | 'maxWorkers' | 'transport' | 'topology' | 'adam'> = {
  preset: 'mlp',
  model: null,
  dataset: 'mnist',
  workers: 2,
  minWorkers: 1,
  maxRestarts: 3,
  batch: 100,
  steps: 10_000,
  seed: 0,
  engine: 'onnx',
  device: 'cpu',
  threads: 0,
  balance: 'auto',
  wire: 'fp32',
  updates: 'alternating',
  discriminatorUpdates: 1,
  loss: 'non-saturating',
  emaDecay: 0,
  r1Gamma: 0,
  r1Interval: 1,
  checkpointEvery: 1000,
  checkpointKeep: 3,
  sampleEvery: 500,
  // Costs well under 1 % of a small network's time: docs/adr/0011-comparing-replicas.md.
  verifyEvery: 100,
  // A worker that hangs ends the run within 2 s: docs/adr/0004-default-lease.md.
  leaseMs: 1500,
  stalled: 'replace',
};
