import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cachedWeights, weightsKey } from './weights-cache.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('cachedWeights', () => {
  const weights = Float32Array.from({ length: 100 }, (_, i) => i / 7);

  it('makes weights once, and again when the file is damaged', async () => {
    const directory = join(folder, 'a');
    let made = 0;
    const get = () =>
      cachedWeights(weightsKey(['x', 1]), directory, async () => {
        made++;
        return weights;
      });
    expect(await get()).toEqual(weights);
    expect(await get()).toEqual(weights);
    expect(made).toBe(1);
    const [name, ...others] = readdirSync(directory);
    expect(others).toEqual([]);
    const path = join(directory, name!);
    const bytes = readFileSync(path);
    bytes[200]! ^= 1;
    writeFileSync(path, bytes);
    expect(await get()).toEqual(weights);
    writeFileSync(path, bytes.subarray(0, 16));
    expect(await get()).toEqual(weights);
    expect(made).toBe(3);
  });

  it('does without a folder that cannot be written', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(await cachedWeights('k', join(file, 'sub'), async () => weights)).toEqual(weights);
  });

  it('has other names for other options', () => {
    expect(weightsKey([1, 'a'])).not.toBe(weightsKey([1, 'b']));
    expect(weightsKey(['1', 'a'])).not.toBe(weightsKey([1, 'a']));
  });
});
