import { expect, it } from 'vitest';
import { diffConfig } from './diff.js';
import { parseRunConfig, resolveConfig } from './resolve.js';

const config = resolveConfig({ presets: { mlp: {} } });

it('finds nothing between equal configurations', () => {
  expect(diffConfig(config, structuredClone(config))).toEqual([]);
});

it('names each key that differs and what it does', () => {
  const changed = { ...config, workers: 1, device: 'auto', seed: 9, adam: { ...config.adam, learningRate: 0.5 } };
  expect(diffConfig(config, changed)).toEqual([
    { key: 'workers', from: 2, to: 1, effect: 'none' },
    { key: 'seed', from: 0, to: 9, effect: 'breaks' },
    { key: 'device', from: 'cpu', to: 'auto', effect: 'numbers' },
    { key: 'adam.learningRate', from: 2e-4, to: 0.5, effect: 'numbers' },
  ]);
});

it('holds a run that was stored before replicas were compared to have done so as often as by default', () => {
  const { verifyEvery: _, ...stored } = config;
  expect(diffConfig(stored as typeof config, config)).toEqual([]);
});

it('holds a run that was stored before there were wire types to be fp32', () => {
  const { wire: _, ...stored } = config;
  expect(diffConfig(stored as typeof config, config)).toEqual([]);
  expect(diffConfig(stored as typeof config, { ...config, wire: 'bf16' })).toEqual([
    { key: 'wire', from: 'fp32', to: 'bf16', effect: 'numbers' },
  ]);
  expect(parseRunConfig(stored, 'a checkpoint')).toEqual(config);
});
