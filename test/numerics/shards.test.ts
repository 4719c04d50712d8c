import type { Checkpoint } from '@gantry/coordinator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workspace } from '../support/gantry.js';
import { finalState, MLP_TENSORS, tensorErrors, tensorsBeyond } from './compare.js';

/*
 * A batch in S shards is the same mathematics as one shard: gradients of S means, averaged. Bits differ, for the sums over the
 * samples are grouped in other ways: a rounding of about 1e-7 an update, of which Adam's division makes more where a gradient
 * is small beside its summands. Measured: at most 6e-7 after 20 steps. The bound leaves room for other CPUs' kernels; a sample
 * that is lost or counted twice is beyond 1e-2. The seed keeps away from ReLU's kink: oracle.test.ts says why.
 */

const STEPS = 20;
const BOUND = 1e-5;
/** As few as there can be: a shard of one sample. */
const SMALL_BATCH = 2;
const MLP = { preset: 'mlp', steps: STEPS, batch: 16, workers: 1, seed: 9 };

const work = new Workspace();
afterAll(() => work.remove());

describe('one worker with the whole batch in one shard', () => {
  let whole: Checkpoint;
  beforeAll(async () => {
    whole = await finalState(work, { ...MLP, shards: 1 });
  });

  it.each([2, 4])('agrees with %i shards', async (shards) => {
    const errors = tensorErrors(await finalState(work, { ...MLP, shards }), whole);
    expect(errors.size).toBe(MLP_TENSORS);
    expect(tensorsBeyond(errors, BOUND)).toEqual([]);
  });
});

describe('two workers with one sample each', () => {
  it('agree with one worker with both', async () => {
    const [whole, halves] = [
      await finalState(work, { ...MLP, batch: SMALL_BATCH, shards: 1 }),
      await finalState(work, { ...MLP, batch: SMALL_BATCH, shards: 2, workers: 2 }),
    ];
    expect(tensorsBeyond(tensorErrors(halves, whole), BOUND)).toEqual([]);
  });
});
