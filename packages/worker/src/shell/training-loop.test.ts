import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Metrics, RunConfig } from '@gantry/common';
import { commitsBefore } from '@gantry/gan';
import { describe, expect, it } from 'vitest';
import { parityAfter } from '../core/state-images.js';
import type { TinyReport, TinyTask } from '../testing/tiny-member-process.js';
import { startTiny, TINY_CONFIG } from '../testing/tiny-run.js';

const PROCESS = fileURLToPath(new URL('../../dist/testing/tiny-member-process.js', import.meta.url));

/** Two members, each in a process of its own because its waits block, talking over ipc. */
async function runPair(config: RunConfig, stopAfterStep: number | null = null): Promise<TinyReport[]> {
  const children = [0, 1].map((index) => {
    const task: TinyTask = {
      config: { ...config, transport: 'ipc' },
      index,
      stopAfterStep: index === 0 ? stopAfterStep : null,
    };
    return fork(PROCESS, [JSON.stringify(task)], { execArgv: [] });
  });
  const next = async (child: ChildProcess) =>
    (await once(child, 'message', { signal: AbortSignal.timeout(60_000) }))[0];
  try {
    const endpoints = await Promise.all(children.map(next));
    const reports = Promise.all(children.map(next));
    for (const child of children) child.send(endpoints);
    return (await reports) as TinyReport[];
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

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
    const alone = await startTiny(config);
    const initial = alone.hash(0);
    const end = { committed: total, stopped: false };
    expect(await alone.train()).toEqual(end);
    const hash = alone.hash(total);
    expect(hash).not.toBe(initial);
    expect(await runPair(config)).toEqual([
      { end, hash },
      { end, hash },
    ]);
    await alone.prepared.close(true);
  });

  it('goes on from a state as if it had never stopped', async () => {
    const config: RunConfig = { ...TINY_CONFIG, engine };
    const whole = await startTiny(config);
    let state: Float32Array | null = null;
    await whole.train((step, committed) => {
      const { images } = whole.prepared.training;
      if (step === 3) state = images.copy(parityAfter(commitsBefore(committed, config)));
      return undefined;
    });
    const resumed = await startTiny(config, { startUpdate: 6, state: state! });
    expect(await resumed.train()).toEqual({ committed: 12, stopped: false });
    expect(resumed.hash(12)).toBe(whole.hash(12));
  });
});

describe('trainingLoop', () => {
  it('reports sums over its shards for each step', async () => {
    const member = await startTiny(TINY_CONFIG);
    await member.train();
    member.prepared.training.meter.flush();
    const steps = member.sent.flatMap((message) => (message as Metrics).steps);
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
    const [first, second] = await runPair(TINY_CONFIG, 2);
    expect(first!.end).toEqual({ committed: 4, stopped: true });
    expect(second).toEqual(first);
  });

  it('ends when the run is aborted', async () => {
    const member = await startTiny(TINY_CONFIG);
    member.control.abort();
    await expect(member.train()).rejects.toMatchObject({ code: 'GANTRY_ABORTED' });
  });

  it('names step, shard and tensor of a number that is not finite, and leaves the state', async () => {
    const fault = { kind: 'nan', update: 4, worker: 'worker-1', isSpent: false } as const;
    const member = await startTiny(TINY_CONFIG, { fault });
    await expect(member.train()).rejects.toMatchObject({
      code: 'GANTRY_NON_FINITE',
      message: expect.stringMatching(/step 2 \(update 4 of the generator\) in shard 0, tensor generator\//),
      details: expect.objectContaining({ step: 2, update: 4, shard: 0 }),
    });
    expect(member.progress.committed).toBe(3);
    const sound = await startTiny({ ...TINY_CONFIG, steps: 2 });
    await sound.train();
    expect(sound.progress.committed).toBe(4);
    const committed = member.prepared.training.images.copy(parityAfter(commitsBefore(3, TINY_CONFIG)));
    expect(committed.every(Number.isFinite)).toBe(true);
  });
});
