import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SAMPLES_PER_BATCH, type SampleSource } from './generator.js';
import { writeSamples } from './write-samples.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-write-'));
afterAll(() => rmSync(folder, { recursive: true }));

const source = (onBatch: (first: number) => void): SampleSource => ({
  imageShape: [2, 3, 1],
  weights: 'params',
  async batch(first) {
    onBatch(first);
    return { pixels: new Uint8Array(SAMPLES_PER_BATCH * 6), floats: new Float32Array(SAMPLES_PER_BATCH * 6) };
  },
  async dispose() {},
});

it('tells how many are made', async () => {
  const told: number[] = [];
  const to = join(folder, 'told.npy');
  await writeSamples(
    source(() => {}),
    { format: 'npy', to, count: 100, onProgress: (made) => void told.push(made) },
  );
  expect(told).toEqual([64, 100]);
  expect(readdirSync(folder)).toContain('told.npy');
});

it('stops between batches when a signal says so, and leaves nothing', async () => {
  const controller = new AbortController();
  const stopping = source((first) => {
    if (first === 64) controller.abort('SIGINT');
  });
  const to = join(folder, 'stopped.npy');
  const writing = writeSamples(stopping, { format: 'npy', to, count: 1000, signal: controller.signal });
  await expect(writing).rejects.toMatchObject({
    code: 'GANTRY_INTERRUPTED',
    message: 'stopped by SIGINT after 128 of 1,000 samples; none is kept',
  });
  expect(readdirSync(folder).filter((name) => name.startsWith('stopped'))).toEqual([]);
});

it('leaves nothing when the device fails', async () => {
  const failing = source(() => {
    throw new Error('device lost');
  });
  const writing = writeSamples(failing, { format: 'npy', to: join(folder, 'failed.npy'), count: 1 });
  await expect(writing).rejects.toThrow('device lost');
  expect(readdirSync(folder).filter((name) => name.startsWith('failed'))).toEqual([]);
});
