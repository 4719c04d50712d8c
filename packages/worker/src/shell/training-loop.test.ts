import type { Metrics, RunConfig } from '@gantry/common';
import { commitsBefore } from '@gantry/gan';
import { describe, expect, it } from 'vitest';
import { parityAfter } from '../core/state-images.js';
import { startTiny, TINY_CONFIG } from '../testing/tiny-run.js';

const ENGINES = ['js', 'onnx'] as const;
const MODES = [
  { updates: 'alternating', discriminatorUpdates: 1, total: 12 },
  { updates: 'alternating', discriminatorUpdates: 2, total: 18 },
  { updates: 'simultaneous', discriminatorUpdates: 1, total: 6 },
] as const;

describe.each(ENGINES)('training on %s', (engine) => {
  it.each(MODES)('has the same bits for one member and two: $updates $discriminatorUpdates', async (mode) => {
    const { total, ...updates } = mode;
    const config: RunConfig = { ...TINY_CONFIG, engine, ...updates };
    const [alone] = await startTiny(config);
    const initial = alone!.hash(0);
    expect(await alone!.train()).toEqual({ committed: total, stopped: false });
    const pair = await startTiny(config, { members: 2 });
    const ends = await Promise.all(pair.map((member) => member.train()));
    expect(ends.map(({ committed }) => committed)).toEqual([total, total]);
    const hashes = [alone!, ...pair].map((member) => member.hash(total));
    expect(new Set(hashes).size).toBe(1);
    expect(hashes[0]).not.toBe(initial);
    await Promise.all([alone!, ...pair].map(({ prepared }) => prepared.close()));
  });

  it('goes on from a state as if it had never stopped', async () => {
    const config: RunConfig = { ...TINY_CONFIG, engine };
    const [whole] = await startTiny(config);
    let state: Float32Array | null = null;
    await whole!.train((step, committed) => {
      const { images } = whole!.prepared.training;
      if (step === 3) state = images.copy(parityAfter(commitsBefore(committed, config)));
      return undefined;
    });
    const [resumed] = await startTiny(config, { startUpdate: 6, state: state! });
    expect(await resumed!.train()).toEqual({ committed: 12, stopped: false });
    expect(resumed!.hash(12)).toBe(whole!.hash(12));
  });
});

describe('trainingLoop', () => {
  it('reports sums over its shards for each step', async () => {
    const [member] = await startTiny(TINY_CONFIG);
    await member!.train();
    member!.prepared.training.meter.flush();
    const steps = member!.sent.flatMap((message) => (message as Metrics).steps);
    expect(steps.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(steps.map(({ penalized }) => penalized)).toEqual([1, 0, 1, 0, 1, 0]);
    for (const { shards, sums, phaseMs } of steps) {
      expect(shards).toBe(4);
      const [discriminatorLoss, generatorLoss, accuracyReal] = sums;
      expect(discriminatorLoss! / 4).toBeGreaterThan(0.5);
      expect(generatorLoss! / 4).toBeGreaterThan(0.1);
      expect(accuracyReal! / 4).toBeLessThanOrEqual(1);
      expect(phaseMs.every((ms) => ms >= 0)).toBe(true);
    }
  });

  it('stops the leader at the next whole step, and all others with it', async () => {
    const pair = await startTiny(TINY_CONFIG, { members: 2 });
    const first = pair[0]!.train((step) => {
      if (step === 2) pair[0]!.progress.wishStop('save');
      return undefined;
    });
    const second = pair[1]!.train();
    expect(await first).toEqual({ committed: 4, stopped: true });
    expect(await second).toMatchObject({ committed: 4, stopped: true });
    expect(pair[0]!.hash(4)).toBe(pair[1]!.hash(4));
  });

  it('ends a wait when the run is aborted', async () => {
    const pair = await startTiny(TINY_CONFIG, { members: 2 });
    const waiting = pair[0]!.train();
    pair[0]!.control.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'GANTRY_ABORTED' });
  });

  it('names step, shard and tensor of a number that is not finite, and leaves the state', async () => {
    const fault = { kind: 'nan', update: 4, worker: 'worker-1' } as const;
    const [member] = await startTiny(TINY_CONFIG, { fault });
    await expect(member!.train()).rejects.toMatchObject({
      code: 'GANTRY_NON_FINITE',
      message: expect.stringMatching(/step 2 \(update 4 of the generator\) in shard 0, tensor generator\//),
      details: expect.objectContaining({ step: 2, update: 4, shard: 0 }),
    });
    expect(member!.progress.committed).toBe(3);
    const [sound] = await startTiny({ ...TINY_CONFIG, steps: 2 });
    await sound!.train();
    expect(sound!.progress.committed).toBe(4);
    const committed = member!.prepared.training.images.copy(parityAfter(commitsBefore(3, TINY_CONFIG)));
    expect(committed.every(Number.isFinite)).toBe(true);
  });
});
