import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { configOf, holdsRun, resumedConfigOf, runDirectoryOf } from './run-config.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-config-'));
const auto = { transport: 'shm' } as const;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  const config = await configOf({ config: write('a.yaml', 'workers: 3\nbatch: 99\n'), seed: '5' }, auto);
  expect(config).toMatchObject({ workers: 3, shards: 3, batch: 99, seed: 5, preset: 'mlp', r1Gamma: 1 });
  mkdirSync(join(folder, 'run'));
  write('run/config.yaml', JSON.stringify(config));
});

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

it('resumes with the stored configuration and harmless flags', async () => {
  const config = await resumedConfigOf({ workers: '1', steps: '20000', transport: 'tcp' }, join(folder, 'run'));
  expect(config).toMatchObject({ workers: 1, shards: 3, seed: 5, steps: 20_000, transport: 'tcp' });
});

it('refuses what would make another run of it, and asks before the numbers change', async () => {
  const run = join(folder, 'run');
  await expect(resumedConfigOf({ seed: '6', batch: '300' }, run)).rejects.toThrow(/batch \(99 → 300\), seed \(5 → 6\)/);
  await expect(resumedConfigOf({ device: 'webgpu' }, run)).rejects.toThrow('--resume-with-changes');
  const allowed = await resumedConfigOf({ device: 'webgpu', 'resume-with-changes': true }, run);
  expect(allowed.device).toBe('webgpu');
  const breaking = resumedConfigOf({ seed: '6', 'resume-with-changes': true }, run);
  await expect(breaking).rejects.toMatchObject({ code: 'GANTRY_CONFIG_CHANGED' });
});

it('finds a run by its journal, or by what it has saved', () => {
  const run = join(folder, 'begun');
  mkdirSync(join(run, 'checkpoints'), { recursive: true });
  write('begun/config.yaml', 'workers: 3');
  expect(holdsRun(run)).toBe(false);
  for (const name of ['.unfinished-step-000010-x', 'lost+found']) mkdirSync(join(run, 'checkpoints', name));
  expect(holdsRun(run)).toBe(false);
  for (const name of ['step-000010', '.replaced-step-000010-x']) {
    mkdirSync(join(run, 'checkpoints', name));
    expect(holdsRun(run)).toBe(true);
    rmSync(join(run, 'checkpoints', name), { recursive: true });
  }
  write('begun/journal.json', '{}');
  expect(holdsRun(run)).toBe(true);
  rmSync(join(run, 'config.yaml'));
  expect(holdsRun(run)).toBe(false);
});

it('says when there is no run, or no such file', async () => {
  await expect(resumedConfigOf({}, join(folder, 'nothing'))).rejects.toMatchObject({ code: 'GANTRY_RUN_NOT_FOUND' });
  const missing = configOf({ config: join(folder, 'missing.yaml') }, auto);
  await expect(missing).rejects.toMatchObject({ code: 'GANTRY_CONFIG_INVALID' });
});

it('checks the bounds of membership', async () => {
  await expect(configOf({ 'min-workers': '3' }, auto)).rejects.toThrow('--min-workers is 3, which is more than');
  await expect(configOf({ 'max-workers': '1' }, auto)).rejects.toThrow('--max-workers is 1, which is less than');
  await expect(configOf({ 'max-workers': '3' }, auto)).rejects.toThrow('raise --shards');
  expect(await configOf({ 'min-workers': '2' }, auto)).toMatchObject({ workers: 2, minWorkers: 2, maxWorkers: 2 });
  expect(await configOf({ shards: '4' }, auto)).toMatchObject({ minWorkers: 1, maxWorkers: 4, maxRestarts: 3 });
});

it('names run directories', () => {
  expect(runDirectoryOf({ out: '/x/y' }, { preset: 'mlp', model: null })).toBe('/x/y');
  expect(runDirectoryOf({}, { preset: 'no-such-preset', model: null })).toMatch(/runs.no-such-preset-1$/);
  expect(runDirectoryOf({}, { preset: 'mlp', model: 'gans/no-such-gan.ts' })).toMatch(/runs.no-such-gan-1$/);
});
