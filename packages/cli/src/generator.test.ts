import { type RunConfig, sha256Hex } from '@gantry/common';
import { resolveConfig } from '@gantry/common/config';
import { buildGan, loadDefinition } from '@gantry/gan';
import { PRESETS } from '@gantry/gan/presets';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSampleSource, SAMPLES_PER_BATCH, type SampleSource, type WeightsName } from './generator.js';

const presets = Object.fromEntries(Object.values(PRESETS).map(({ name, defaults }) => [name, defaults]));
const flags = { device: 'cpu' };

/** A fresh state whose EMA is not its params. */
async function open(options: { seed: number; weights?: WeightsName; preset?: string }): Promise<SampleSource> {
  const config: RunConfig = resolveConfig({ flags: { ...flags, preset: options.preset ?? 'mlp' }, presets });
  const gan = buildGan((await loadDefinition(null, config.preset)).definition, config);
  const state = gan.initialState();
  const ema = gan.state.sections.find(({ role }) => role === 'ema');
  if (ema !== undefined) for (let i = 0; i < ema.length; i++) state[ema.offset + i]! *= 2;
  return openSampleSource({ config, state, layout: gan.state, seed: options.seed, weights: options.weights });
}

let source: SampleSource;
beforeAll(async () => {
  source = await open({ seed: 7 });
});
afterAll(() => source.dispose());

it('gives the same sample for the same seed and number, whatever was asked before', async () => {
  const first = sha256Hex((await source.batch(0)).pixels);
  const second = sha256Hex((await source.batch(SAMPLES_PER_BATCH)).pixels);
  expect(second).not.toBe(first);
  expect(sha256Hex((await source.batch(0)).pixels)).toBe(first);
  const again = await open({ seed: 7 });
  expect(sha256Hex((await again.batch(SAMPLES_PER_BATCH)).pixels)).toBe(second);
  await again.dispose();
});

it('takes the EMA where there is one, the raw weights on demand, another seed for others', async () => {
  expect(source.weights).toBe('ema');
  const ema = sha256Hex((await source.batch(0)).pixels);
  for (const options of [{ seed: 7, weights: 'params' }, { seed: 8 }] as const) {
    const other = await open(options);
    expect(sha256Hex((await other.batch(0)).pixels)).not.toBe(ema);
    await other.dispose();
  }
});

it('says so when there is no EMA', async () => {
  await expect(open({ seed: 1, weights: 'ema', preset: 'mlp-plain' })).rejects.toThrow('--weights params');
  const plain = await open({ seed: 1, preset: 'mlp-plain' });
  expect(plain.weights).toBe('params');
  await plain.dispose();
});
