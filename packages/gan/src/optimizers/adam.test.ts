import { type AdamConfig, fillNormal } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { relativeError } from '../testing/inputs.js';
import { runProgram } from '../testing/run-program.js';
import { adamScalars, createUpdateProgram, emaRate } from './adam.js';

const LENGTH = 32;
const UPDATES = 50;
const ADAM: AdamConfig = { learningRate: 1e-3, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 };

/** Adam as PyTorch writes it (torch.optim.Adam, "Algorithm"), in float64, with the EMA of the weights. */
function referenceAdam(start: Float32Array, gradients: readonly Float64Array[], adam: AdamConfig, decay: number) {
  const params = Float64Array.from(start);
  const ema = Float64Array.from(start);
  const m = new Float64Array(start.length);
  const v = new Float64Array(start.length);
  gradients.forEach((gradient, index) => {
    const t = index + 1;
    gradient.forEach((g, i) => {
      m[i] = adam.beta1 * m[i]! + (1 - adam.beta1) * g;
      v[i] = adam.beta2 * v[i]! + (1 - adam.beta2) * g * g;
      const denominator = Math.sqrt(v[i]!) / Math.sqrt(1 - adam.beta2 ** t) + adam.epsilon;
      params[i] = params[i]! - (adam.learningRate * (m[i]! / (1 - adam.beta1 ** t))) / denominator;
      const d = Math.min(decay, (1 + t) / (10 + t));
      ema[i] = d * ema[i]! + (1 - d) * params[i]!;
    });
  });
  return { params, ema, m, v };
}

/** Gradients of very different sizes, one element always zero as padding is. */
function shardGradients(shards: number, update: number): Float32Array[] {
  return Array.from({ length: shards }, (_, sample) => {
    const gradient = new Float32Array(LENGTH);
    fillNormal(gradient, 0, LENGTH, { seed: 5, stream: 6, step: update, sample });
    return gradient.map((value, i) => (i === LENGTH - 1 ? 0 : value * 10 ** ((i % 7) - 5)));
  });
}

/** Small, so that fp32 keeps the digits of what they move by. */
function startWeights(): Float32Array {
  const start = new Float32Array(LENGTH);
  fillNormal(start, 0, LENGTH, { seed: 6, stream: 6, step: 0, sample: 0 });
  return start.map((value, i) => (i === LENGTH - 1 ? 0 : value * 0.01));
}

/** Runs the program for all updates; gives the last state and every update's squared norm. */
function train(shards: number, adam: AdamConfig, emaDecay: number) {
  const program = createUpdateProgram({
    network: 'generator',
    length: LENGTH,
    partials: shards,
    adam,
    hasEma: emaDecay > 0,
  });
  const start = startWeights();
  let state: Record<string, Float32Array> = {
    params: start,
    firstMoment: new Float32Array(LENGTH),
    secondMoment: new Float32Array(LENGTH),
    ema: start,
  };
  const means: Float64Array[] = [];
  const norms: { actual: number; expected: number }[] = [];
  for (let t = 1; t <= UPDATES; t++) {
    const partials = shardGradients(shards, t);
    const sums = Float64Array.from({ length: LENGTH }, (_, i) =>
      partials.reduce((sum, partial) => sum + partial[i]!, 0),
    );
    means.push(sums.map((value) => value / shards));
    const { rate, epsilon } = adamScalars(adam, shards, t);
    const inputs = Object.fromEntries(partials.map((partial, k) => [`partials/${k}`, partial]));
    state = runProgram(program, {
      ...state,
      ...inputs,
      rate: Float32Array.of(rate),
      epsilon: Float32Array.of(epsilon),
      ...(emaDecay > 0 ? { emaRate: Float32Array.of(emaRate(emaDecay, t)) } : {}),
    });
    norms.push({ actual: state.squaredNorm![0]!, expected: sums.reduce((sum, value) => sum + value * value, 0) });
  }
  return { state, norms, expected: referenceAdam(start, means, adam, emaDecay), start };
}

describe('the update program', () => {
  for (const shards of [1, 2, 3, 4]) {
    it(`follows Adam in float64 over ${UPDATES} updates of ${shards} shards`, () => {
      const { state, norms, expected, start } = train(shards, ADAM, 0.999);
      // The distance moved is compared, not the weights, which hardly move.
      const moved = (values: ArrayLike<number>) => Array.from(start, (value, i) => values[i]! - value);
      expect(relativeError(moved(state.params!), moved(expected.params))).toBeLessThan(2e-5);
      expect(relativeError(moved(state.ema!), moved(expected.ema))).toBeLessThan(2e-4);
      const scaledM = expected.m.map((value) => (shards * value) / (1 - ADAM.beta1));
      const scaledV = expected.v.map((value) => (shards ** 2 * value) / (1 - ADAM.beta2));
      expect(relativeError(state.firstMoment!, scaledM)).toBeLessThan(2e-6);
      expect(relativeError(state.secondMoment!, scaledV)).toBeLessThan(2e-6);
      for (const { actual, expected: norm } of norms) expect(actual / norm).toBeCloseTo(1, 5);
    });
  }

  it('keeps padding at zero', () => {
    const { state, start } = train(2, ADAM, 0.999);
    expect(start[LENGTH - 1]).toBe(0);
    for (const role of ['params', 'firstMoment', 'secondMoment', 'ema']) expect(state[role]![LENGTH - 1]).toBe(0);
  });

  it('honours β₁ = 0.9 and a large ε', () => {
    const adam = { learningRate: 2e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-3 };
    const { state, expected } = train(3, adam, 0);
    expect(state.ema).toBeUndefined();
    expect(relativeError(state.params!, expected.params)).toBeLessThan(1e-6);
  });

  it('gives a norm that is not finite when a gradient is not', () => {
    const program = createUpdateProgram({
      network: 'discriminator',
      length: 2,
      partials: 1,
      adam: ADAM,
      hasEma: false,
    });
    const zeros = { params: new Float32Array(2), firstMoment: new Float32Array(2), secondMoment: new Float32Array(2) };
    const scalars = { rate: Float32Array.of(1), epsilon: Float32Array.of(1e-8) };
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const outputs = runProgram(program, { ...zeros, ...scalars, 'partials/0': Float32Array.of(1, bad) });
      expect(Number.isFinite(outputs.squaredNorm![0])).toBe(false);
    }
  });
});
