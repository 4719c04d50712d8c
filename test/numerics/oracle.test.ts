import { fileURLToPath } from 'node:url';
import type { Checkpoint } from '@gantry/coordinator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workspace } from '../support/gantry.js';
import { finalState, MLP_TENSORS, tensorErrors, tensorsBeyond } from './compare.js';

/*
 * The same run on ONNX Runtime and on the oracle, tfjs's cpu backend, which sums in double: weights, moments and average after
 * 20 steps, tensor by tensor. Measured: at most 5e-7.
 *
 * The two round differently (about 1e-7 of a unit's input), and a run amplifies that in one place: where a ReLU's input lies
 * within rounding of zero, one engine takes the unit for on and the other for off, and a sample's whole share of its gradient
 * is there or not. Both are right, and from then on they are two runs: 1e-3 apart in the moments of that unit, and soon
 * everywhere. `--batch 32 --seed 7` shows it at the penalized D update of step 16: in double, sample 22 meets unit 233 of D's
 * first layer at 2e-7 of the layer's scale; before it all tensors agree to 1e-6, after it all of the difference is in unit 233.
 *
 * At the preset's batch of 100, five million inputs in 20 steps, seeds 2 and 7 met a kink (one unit each), and seeds 0, 1, 3
 * and 4 stayed within 1e-6.
 *
 * A run of this size meets half a million such inputs, so its smallest is about 2e-6 of the scale. Seed 9 was chosen because it
 * keeps 7e-6 away from zero in every layer, sample and update, 70 times the rounding. That the kink is all there is to it, the
 * smooth networks show, which need no chosen seed.
 */

const STEPS = 20;
const BOUND = 1e-4;
/** Five of the 20 D updates carry R1: 0, 4, 8, 12, 16. */
const MLP = { preset: 'mlp', steps: STEPS, batch: 16, shards: 2, workers: 2, seed: 9 };
const SMOOTH = { ...MLP, seed: 1, model: fileURLToPath(new URL('smooth-gan.ts', import.meta.url)) };

const work = new Workspace();
afterAll(() => work.remove());

describe(`${STEPS} steps of mlp`, () => {
  let oracle: Checkpoint;
  beforeAll(async () => {
    oracle = await finalState(work, { ...MLP, engine: 'js' });
  });

  it('follow the oracle in every tensor of the state', async () => {
    const errors = tensorErrors(await finalState(work, { ...MLP, engine: 'onnx' }), oracle);
    expect(errors.size).toBe(MLP_TENSORS);
    expect(tensorsBeyond(errors, BOUND)).toEqual([]);
  });

  it.each([
    ['a penalty 1 % too large', { 'r1-gamma': 1.01 }],
    ["a moment's decay 0.1 % too large", { beta1: 0.5005 }],
  ])('would not, with %s', async (_, wrong) => {
    const errors = tensorErrors(await finalState(work, { ...MLP, ...wrong }), oracle);
    expect(tensorsBeyond(errors, BOUND).length).toBeGreaterThan(MLP_TENSORS / 2);
  });
});

describe(`${STEPS} steps of mlp as it is: batch 100, seed 0`, () => {
  it('follow the oracle in every tensor of the state', async () => {
    const preset = { preset: 'mlp', steps: STEPS, batch: 100, shards: 2, workers: 2, seed: 0 };
    const state = await finalState(work, { ...preset, engine: 'onnx' });
    const errors = tensorErrors(state, await finalState(work, { ...preset, engine: 'js' }));
    expect(errors.size).toBe(MLP_TENSORS);
    expect(tensorsBeyond(errors, BOUND)).toEqual([]);
  });
});

describe(`${STEPS} steps of smooth networks`, () => {
  it('follow the oracle in every tensor of the state', async () => {
    const state = await finalState(work, { ...SMOOTH, engine: 'onnx' });
    const oracle = await finalState(work, { ...SMOOTH, engine: 'js' });
    expect(tensorsBeyond(tensorErrors(state, oracle), BOUND)).toEqual([]);
  });
});
