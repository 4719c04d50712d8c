import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { buildGan } from '../build-gan.js';
import { loadDefinition } from '../load-definition.js';
import { totalUpdates } from '../step/schedule.js';
import { SMALL_CONFIG } from '../testing/small-gan.js';
import { PRESETS, presetNamed } from './presets.js';

it("have the article's networks", async () => {
  for (const name of Object.keys(PRESETS)) {
    const { definition, path } = await loadDefinition(null, name);
    expect(path).toBeNull();
    const gan = buildGan(definition, { ...SMALL_CONFIG, ...PRESETS[name]!.defaults });
    const shapes = (network: 'generator' | 'discriminator') => gan.layouts[network].entries.map(({ shape }) => shape);
    expect(shapes('generator')).toEqual([[100, 256], [256], [256, 256], [256], [256, 784], [784]]);
    expect(shapes('discriminator')).toEqual([[784, 256], [256], [256, 256], [256], [256, 1], [1]]);
  }
});

it('see as many images as the article', () => {
  const { batch, steps, updates, discriminatorUpdates } = presetNamed('mlp').defaults;
  expect(batch! * steps!).toBe(100 * 100 * 100);
  expect(totalUpdates({ updates: updates!, discriminatorUpdates: discriminatorUpdates!, steps: steps! })).toBe(20_000);
});

it('differ in what makes the plain one collapse', () => {
  expect(presetNamed('mlp-plain').defaults).toMatchObject({ updates: 'simultaneous', r1Gamma: 0, emaDecay: 0 });
  expect(presetNamed('mlp').defaults).toMatchObject({ r1Gamma: 1, r1Interval: 4, emaDecay: 0.999 });
});

it('that are not there are refused, naming those that are', () => {
  for (const name of ['dcgan', 'constructor', '']) {
    expect(() => presetNamed(name)).toThrow(/use mlp or mlp-plain/);
  }
});

it('are listed without loading TensorFlow.js', () => {
  const script =
    "import { PRESETS } from '@gantry/gan/presets'; console.log(Object.keys(PRESETS).length, globalThis._tfengine === undefined)";
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: new URL('../..', import.meta.url),
    encoding: 'utf8',
  });
  expect(output.trim()).toBe('2 true');
});
