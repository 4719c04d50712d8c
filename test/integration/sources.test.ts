import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeIdx, openDataset, sampleLength } from '@gantry/data';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { npy, npz } from '../../packages/data/dist/testing/numpy.js';
import { doneOf, errorOf, gantry, trainArguments, Workspace } from '../support/gantry.js';

const COUNT = 60;
const work = new Workspace();
afterAll(() => work.remove());
/** What is converted is the test's own. */
const env = { XDG_CACHE_HOME: join(work.path, 'cache') };

/** The first digits of MNIST [60, 28, 28]. */
let digits: Uint8Array;
beforeAll(async () => {
  const source = await openDataset('mnist');
  digits = source.pixels!.slice(0, COUNT * sampleLength(source.sampleShape));
});

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(work.path, name);
  writeFileSync(path, bytes);
  return path;
}

/** A PNG for each digit, its number as its name. */
async function pngs(): Promise<string> {
  const folder = join(work.path, 'pngs');
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < COUNT; i++) {
    const image = sharp(digits.subarray(i * 784, (i + 1) * 784), { raw: { width: 28, height: 28, channels: 1 } });
    await image
      .toColourspace('b-w')
      .png()
      .toFile(join(folder, `${String(i).padStart(3, '0')}.png`));
  }
  return folder;
}

/** A small GAN of samples of any shape, as a user would write it. */
function model(shape: readonly number[]): string {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const text = `import { defineGan } from '@gantry/gan';
import { layers, sequential } from '@tensorflow/tfjs-layers';
const imageShape = ${JSON.stringify(shape)};
export default defineGan({
  name: 'small', latent: 8, imageShape,
  generator: () => sequential({ layers: [
    layers.dense({ units: 16, activation: 'relu', inputShape: [8] }),
    layers.dense({ units: ${size}, activation: 'sigmoid' }), layers.reshape({ targetShape: imageShape }),
  ] }),
  discriminator: () => sequential({ layers: [
    layers.flatten({ inputShape: imageShape }), layers.dense({ units: 16, activation: 'relu' }), layers.dense({ units: 1 }),
  ] }),
});
`;
  return file(`model-${shape.join('-')}.ts`, text);
}

async function finalHash(dataset: string, options: Readonly<Record<string, string | number>> = {}): Promise<string> {
  const out = work.run();
  const done = doneOf(await gantry(trainArguments(out, { dataset, steps: 20, ...options }), env));
  return done.stateSha256 as string;
}

function digitsArray(): Buffer {
  return npy('|u1', [COUNT, 28, 28], digits);
}

/** From the IDX file, with one worker. */
let reference: Promise<string> | null = null;
function referenceHash(): Promise<string> {
  const idx = file('train-images-idx3-ubyte', encodeIdx([COUNT, 28, 28], digits));
  reference ??= finalHash(`idx:${idx}`, { workers: 1 });
  return reference;
}

const SCHEMA = `columns:
  - {name: size, type: numeric, scale: min-max, min: 0, max: 20, decimals: 0}
  - {name: kind, type: categorical, categories: [odd, even]}
`;
const rows = Array.from({ length: COUNT }, (_, i) => `${i % 20},${i % 2 === 0 ? 'even' : 'odd'}\n`).join('');

describe('a run does not know what its data came from', () => {
  const sources: readonly [string, () => string | Promise<string>, number][] = [
    ['a folder of PNG files', async () => `folder:${await pngs()}`, 1],
    ['a folder of PNG files, with its form said', async () => `folder:${await pngs()}?size=28&channels=1`, 2],
    ['a .npz file', () => `npz:${file('digits.npz', npz({ images: digitsArray() }, { packed: true }))}`, 2],
    ['a .npy file', () => `npz:${file('digits.npy', digitsArray())}`, 1],
  ];
  it.each(sources)('images from %s train to the bits of the same images from IDX', async (_, dataset, workers) => {
    expect(await finalHash(await dataset(), { workers })).toBe(await referenceHash());
  });

  it('other images train to other bits', async () => {
    expect(await finalHash('mnist', { workers: 1 })).not.toBe(await referenceHash());
  });

  it('floats from NumPy train to the same bits with one worker and two', async () => {
    const floats = Float32Array.from({ length: COUNT * 6 }, (_, i) => Math.sin(i));
    const path = file('features.npy', npy('<f4', [COUNT, 6], floats));
    const options = { model: model([1, 6, 1]), 'sample-every': 10 };
    const one = await finalHash(`npz:${path}?range=-1,1`, { ...options, workers: 1 });
    expect(await finalHash(`npz:${path}?range=-1,1`, { ...options, workers: 2 })).toBe(one);
    expect(await finalHash(`npz:${path}?range=-2,2`, { ...options, workers: 1 })).not.toBe(one);
  });

  it('a table trains to the same bits with one worker and two, and its samples are rows', async () => {
    const path = file('table.csv', `size,kind\n${rows}`);
    file('table.csv.schema.yaml', SCHEMA);
    const options = { dataset: `csv:${path}`, model: model([1, 3, 1]), steps: 20 };
    const out = work.run();
    const one = doneOf(await gantry(trainArguments(out, { ...options, workers: 1 }), env)).stateSha256;
    expect(await finalHash(options.dataset, { ...options, workers: 2 })).toBe(one);
    // The run keeps what its columns mean: neither the table nor its schema has to stay.
    for (const gone of [path, `${path}.schema.yaml`]) rmSync(gone);
    const to = join(work.path, 'rows.csv');
    const made = await gantry(['generate', '--json', '--out', out, '--count', '70', '--to', to], env);
    expect(doneOf(made)).toMatchObject({ format: 'csv', count: 70 });
    const lines = readFileSync(to, 'utf8').trimEnd().split('\n');
    expect(lines[0]).toBe('size,kind');
    expect(lines).toHaveLength(71);
    for (const line of lines.slice(1)) expect(line).toMatch(/^(?:1?\d|20),(?:odd|even)$/);
  });
});

describe('data that cannot be trained on is refused before anything is started', () => {
  it('a broken image, a table that nobody described, an option that there is not, and leaves no run behind', async () => {
    const cwd = work.run();
    mkdirSync(cwd);
    const broken = join(work.path, 'broken');
    mkdirSync(broken, { recursive: true });
    writeFileSync(join(broken, 'x.png'), 'no image');
    const table = file('bare.csv', `size,kind\n${rows}`);
    const cases: readonly [string, string, RegExp][] = [
      [`folder:${broken}`, 'GANTRY_DATASET_INVALID', /broken\/x\.png cannot be read as an image/],
      [`csv:${table}`, 'GANTRY_DATASET_NOT_FOUND', /bare\.csv\.schema\.yaml:\n\ncolumns:\n {2}- name: size/],
      [`npz:${join(work.path, 'none.npz')}`, 'GANTRY_DATASET_NOT_FOUND', /none\.npz does not exist/],
      [`folder:${broken}?sise=28`, 'GANTRY_CONFIG_INVALID', /Did you mean size\?/],
    ];
    for (const [dataset, code, message] of cases) {
      const finished = await gantry(['train', '--json', '--dataset', dataset], env, { cwd });
      expect(errorOf(finished)).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(finished.events.map(({ event }) => event)).toEqual(['error']);
    }
    expect(readdirSync(cwd)).toEqual([]);
    const schema = await gantry(['schema', '--dataset', `csv:${table}`], env);
    expect(schema.stdout).toMatch(/^columns:\n {2}- name: size\n {4}type: numeric\n/);
  });

  it('samples of another shape than the model makes, in one error that says what to write', async () => {
    const path = file('shape.npy', npy('|u1', [COUNT, 8, 8, 3], new Uint8Array(COUNT * 192)));
    const finished = await gantry(trainArguments(work.run(), { dataset: `npz:${path}` }), env);
    const errors = finished.events.filter(({ event }) => event === 'error');
    expect(errors).toEqual([expect.objectContaining({ code: 'GANTRY_DATASET_INVALID' })]);
    expect(errors[0]!.message).toContain('samples of 8×8×3, the model mlp makes 28×28×1');
    expect(errors[0]!.message).toContain('a --model with imageShape: [8, 8, 3]');
  });

  it('a path of a gantry.yaml is taken from its own folder', async () => {
    const folder = join(work.path, 'project');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'gantry.yaml'), 'dataset: csv:data.csv?schema=columns.yaml\n');
    const args = ['train', '--json', '--config', join(folder, 'gantry.yaml'), '--out', work.run()];
    expect(errorOf(await gantry(args, env)).message).toContain(join(folder, 'data.csv'));
    writeFileSync(join(folder, 'data.csv'), `size,kind\n${rows}`);
    expect(errorOf(await gantry(args, env)).message).toContain(join(folder, 'columns.yaml'));
  });
});
