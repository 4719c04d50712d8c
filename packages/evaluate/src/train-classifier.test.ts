import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fillUniform, STREAMS } from '@gantry/common';
import { createMemorySource, type DataSource, openDataset, readFloats } from '@gantry/data';
import { createEngine, type Engine } from '@gantry/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FEATURES } from './constants.js';
import { featureStatistics } from './frechet.js';
import { judgeSamples } from './judge.js';
import { trainClassifier } from './train-classifier.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-classifier-'));
let engine: Engine;
let source: DataSource;
let testSource: DataSource;

beforeAll(async () => {
  engine = await createEngine({ engine: 'onnx', device: 'cpu', threads: 1 });
  source = await openDataset('mnist');
  testSource = await openDataset('mnist', { split: 'test' });
});
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true });
});

describe('trainClassifier', () => {
  it('learns MNIST to 97 %, and judges real digits and noise rightly', async () => {
    const losses: number[] = [];
    const classifier = await trainClassifier({
      source,
      testSource,
      engine,
      seed: 1,
      onProgress: ({ loss }) => losses.push(loss),
    });
    expect(classifier.accuracy).toBeGreaterThan(0.97);
    expect(losses).toHaveLength(28);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);

    const real = readFloats(testSource, 0, 1001);
    const half = featureStatistics(await classifier.features(readFloats(testSource, 5000, 6001)), FEATURES);
    const judged = await judgeSamples(classifier, real, half);
    expect(judged.count).toBe(1001);
    expect(judged.classShare.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10);
    expect(judged.smallestShare).toBeGreaterThan(0.07);
    expect(judged.meanConfidence).toBeGreaterThan(0.95);

    const noise = new Float32Array(500 * 784);
    fillUniform(noise, 0, noise.length, { seed: 1, stream: STREAMS.generate, step: 0, sample: 0 });
    const judgedNoise = await judgeSamples(classifier, noise, half);
    expect(judgedNoise.frechetDistance).toBeGreaterThan(10 * judged.frechetDistance!);
    expect(judgedNoise.smallestShare).toBe(0);

    const probabilities = await classifier.probabilities(real.subarray(0, 784 * 3));
    expect(probabilities).toHaveLength(30);
    for (let i = 0; i < 3; i++) {
      const row = probabilities.subarray(i * 10, i * 10 + 10);
      expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
    }
    await expect(classifier.classify(new Float32Array(785))).rejects.toMatchObject({ code: 'GANTRY_USAGE' });
    classifier.dispose();
  });

  it('gives the same weights for the same seed, and takes them from the cache', async () => {
    const train = (seed: number, cacheDirectory: string | null) =>
      trainClassifier({ source, testSource, engine, seed, steps: 20, cacheDirectory });
    const image = readFloats(testSource, 0, 1);
    const outputs = [];
    for (const [seed, cache] of [
      [1, null],
      [1, folder],
      [1, folder],
      [2, folder],
    ] as const) {
      outputs.push([...(await (await train(seed, cache)).probabilities(image))].join());
    }
    expect(outputs[1]).toBe(outputs[0]);
    expect(outputs[2]).toBe(outputs[0]);
    expect(outputs[3]).not.toBe(outputs[0]);
  });

  it('refuses data without labels or of another shape', async () => {
    const bare = createMemorySource({ ...source, labels: null, pixels: source.pixels!, id: 'bare' });
    const small = createMemorySource({
      id: 'small',
      sampleShape: [2, 2, 1],
      classes: 2,
      labels: Uint8Array.of(0, 1),
      pixels: new Uint8Array(8),
    });
    for (const wrong of [bare, small]) {
      const options = { source, testSource: wrong, engine };
      await expect(trainClassifier(options)).rejects.toMatchObject({ code: 'GANTRY_DATASET_INVALID' });
    }
  });
});
