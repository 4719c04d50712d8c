import { describe, expect, it } from 'vitest';
import type { RunConfig } from '../config-types.js';
import { GantryError } from '../errors.js';
import { DEFAULT_ADAM } from './defaults.js';
import { parseConfigFile } from './file.js';
import { flagOf } from './flags.js';
import { parseRunConfig, resolveConfig } from './resolve.js';
import { configJsonSchema, SETTING_KEYS } from './schema.js';

const presets: Record<string, Partial<RunConfig>> = {
  mlp: { r1Gamma: 1, r1Interval: 4, adam: { ...DEFAULT_ADAM, learningRate: 1e-3 } },
  'mlp-plain': {},
};
const resolve = (flags: Record<string, unknown>, file?: Awaited<ReturnType<typeof parseConfigFile>>) =>
  resolveConfig({ flags, file, presets, workingDirectory: '/work' });

async function refusal(action: () => unknown): Promise<GantryError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('resolveConfig', () => {
  it('takes flags over file over preset over defaults, Adam key by key', async () => {
    const file = await parseConfigFile('batch: 64\nseed: 3\nadam: {beta1: 0.9}\n', '/run/gantry.yaml');
    const config = resolve({ seed: 4, adam: { epsilon: 1e-6 } }, file);
    expect(config).toMatchObject({ batch: 64, seed: 4, r1Gamma: 1, steps: 10_000, workers: 2, shards: 2 });
    expect(config.adam).toEqual({ learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-6 });
    expect(config).toMatchObject({ transport: 'shm', topology: 'auto', model: null });
  });

  it('is its own fixed point: a resolved config is a valid file and message', async () => {
    const config = resolve({ workers: 4, dataset: 'idx:data', model: 'gan.ts', topology: 'star' });
    expect(config).toMatchObject({ dataset: 'idx:/work/data', model: '/work/gan.ts' });
    expect(parseRunConfig(JSON.parse(JSON.stringify(config)), 'config.yaml')).toEqual(config);
    const file = await parseConfigFile(JSON.stringify(config), '/elsewhere/config.yaml');
    expect(resolve({}, file)).toEqual(config);
  });

  it('lists every problem of the flags, each with flag, value and bound', async () => {
    const error = await refusal(() => resolve({ batch: 0, steps: 1.5, transport: 'pigeon', adam: { beta1: 1 } }));
    expect(error.code).toBe('GANTRY_CONFIG_INVALID');
    expect(error.exitCode).toBe(2);
    for (const part of [
      '4 problems',
      '--batch is 0, which must be a whole number from 1 to',
      '--steps is 1.5',
      '--transport is pigeon, which must be one of auto, shm, ipc, tcp',
      '--beta1 is 1, which must be a number, at least 0 and less than 1',
    ]) {
      expect(error.message).toContain(part);
    }
  });

  it.each<[Record<string, unknown>, string]>([
    [{ batch: 100, shards: 3 }, '--shards is 3, which does not divide the batch of 100: take --batch 99 or 102'],
    [{ workers: 4, shards: 2 }, '--workers is 4, which is more than the shards (2)'],
    [{ updates: 'simultaneous', discriminatorUpdates: 2 }, '--discriminator-updates is 2, which must be 1'],
    [{ preset: 'mlp-plan' }, 'Did you mean mlp-plain?'],
    [{ leaseMs: 10 }, '--lease is 10, which must be a whole number of milliseconds from 500 to 60000'],
    [{ loss: 'minmax' }, '--loss is minmax, which must be one of non-saturating, minimax. Did you mean minimax?'],
    [{ transport: 'smh' }, 'Did you mean shm?'],
    [{ engine: 'onx' }, 'Did you mean onnx?'],
    [{ topology: 'strar' }, 'Did you mean star?'],
    [{ topology: 'halfing' }, 'Did you mean halving?'],
    [{ wire: 'bf61' }, '--wire is bf61, which must be one of fp32, bf16, fp16'],
    [{ updates: 'alternate' }, 'Did you mean alternating?'],
    [{ dataset: 'mnst' }, 'must be mnist, fashion-mnist, idx:PATH, folder:PATH, npz:PATH or csv:PATH'],
    [{ dataset: 'folder:a?sise=28' }, '--dataset is folder:a?sise=28, which has an option sise'],
    [{ device: 'gpu' }, 'must be auto, cpu, webgpu'],
    [{ seed: Number.NaN }, '--seed is NaN'],
  ])('refuses %o', async (flags, message) => {
    expect((await refusal(() => resolve(flags))).message).toContain(message);
  });

  it('names where a value that breaks a rule across settings was given', async () => {
    const file = await parseConfigFile('steps: 5\nshards: 3\n', 'gantry.yaml');
    expect((await refusal(() => resolve({}, file))).message).toContain('gantry.yaml:2:1: shards is 3');
  });
});

describe('gantry.yaml', () => {
  it.each([
    ['steps: 10\nbacth: 100\n', 'gantry.yaml:2:1: bacth is no known key. Did you mean batch?'],
    ['adam:\n  learningrate: 1\n', 'Did you mean adam.learningRate?'],
    ['steps: ten\n', 'gantry.yaml:1:1: steps is ten, which must be a whole number from 1 to'],
    ['adam: 3\n', 'adam is 3'],
    ['steps: 1\nsteps: 2\n', 'gantry.yaml:2:1'],
    ['steps: [1\n', 'YAML cannot be read'],
    ['steps: !!js/function 1\n', 'gantry.yaml:1:8'],
    ['- 1\n', 'gantry.yaml is [1], which must be a mapping of keys to values'],
    ['[1,2]\n', 'gantry.yaml is [1,2], which must be a mapping of keys to values'],
    ['__proto__: {workers: 3}\n', '__proto__ is no known key'],
  ])('%j', async (text, message) => {
    const error = await refusal(() => parseConfigFile(text, 'gantry.yaml'));
    expect(error.code).toBe('GANTRY_CONFIG_INVALID');
    expect(error.message).toContain(message);
  });

  it('tells the first place alone at which it is no YAML, once', async () => {
    const { message } = await refusal(() => parseConfigFile('steps: 3\na: b: c\n d: [e\n', 'gantry.yaml'));
    expect(message).toMatch(/^the configuration has 1 problem:\n {2}gantry\.yaml:2:4: YAML cannot be read: [^\n]+$/);
    expect(message).not.toContain('at line');
  });

  it('stops a billion laughs', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 10; i++)
      lines.push(
        `a${i}: &a${i} [${Array(8)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    const error = await refusal(() => parseConfigFile(lines.join('\n'), 'gantry.yaml'));
    expect(error.message).toContain('too many aliases');
  });

  it('may be empty', async () => {
    expect((await parseConfigFile('# nothing\n', 'gantry.yaml')).settings).toEqual({});
  });
});

it('exports a JSON Schema with every key and its bounds', () => {
  const schema = configJsonSchema() as {
    properties: Record<string, { minimum?: number }>;
    additionalProperties: boolean;
  };
  expect(Object.keys(schema.properties).sort()).toEqual(SETTING_KEYS.filter((key) => !key.includes('.')).sort());
  expect(schema.properties.batch!.minimum).toBe(1);
  expect(schema.additionalProperties).toBe(false);
});

it('names flags', () => {
  expect(['batch', 'checkpointEvery', 'leaseMs', 'adam.learningRate'].map(flagOf)).toEqual([
    '--batch',
    '--checkpoint-every',
    '--lease',
    '--learning-rate',
  ]);
});
