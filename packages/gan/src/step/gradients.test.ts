import { describe, expect, it } from 'vitest';
import type { Gan, UpdateKind } from '../contract.js';
import { flatGradients, programInputs, relativeError, rows, type TestInputs, testInputs } from '../testing/inputs.js';
import * as reference from '../testing/reference.js';
import { runProgram } from '../testing/run-program.js';
import { type Activation, SMALL_CONFIG, smallGan } from '../testing/small-gan.js';

const SAMPLES = 6;
/** fp32 against float64, and central differences with their own error. */
const TOLERANCE = 2e-5;

function run(gan: Gan, kind: UpdateKind, inputs: TestInputs, penalized = false) {
  const samples = inputs.z.length / gan.latent;
  return runProgram(gan.gradientsProgram(kind, { samples, penalized }), programInputs(gan, inputs));
}

const f64 = (values: Float32Array) => Float64Array.from(values);

/** D's loss and penalty as functions of D's weights. */
function discriminatorReference(gan: Gan, inputs: TestInputs, activation: Activation) {
  const { discriminator, generator } = gan.layouts;
  const real = rows(inputs.real, 4);
  const fake = reference.generate(generator, f64(inputs.weights.generator), rows(inputs.z, 3), activation);
  return {
    loss: (d: Float64Array) =>
      reference.mean(reference.logits(discriminator, d, real, activation).map((x) => reference.softplus(-x))) +
      reference.mean(reference.logits(discriminator, d, fake, activation).map(reference.softplus)),
    penalty: (d: Float64Array) =>
      (SMALL_CONFIG.r1Gamma / 2) * reference.meanSquaredInputGradient(discriminator, d, real, activation),
  };
}

/** G's loss as a function of G's weights. */
function generatorReference(gan: Gan, inputs: TestInputs, activation: Activation, loss: string) {
  const d = f64(inputs.weights.discriminator);
  return (g: Float64Array) => {
    const fake = reference.generate(gan.layouts.generator, g, rows(inputs.z, 3), activation);
    const logits = reference.logits(gan.layouts.discriminator, d, fake, activation);
    if (loss === 'minimax') return -reference.mean(logits.map(reference.softplus));
    return reference.mean(logits.map((x) => reference.softplus(-x)));
  };
}

describe('gradients against float64 finite differences', () => {
  for (const activation of ['relu', 'tanh'] as const) {
    for (const loss of ['non-saturating', 'minimax']) {
      const gan = smallGan(activation, { loss });
      const inputs = testInputs(gan, SAMPLES);

      it(`D, ${activation}, ${loss}`, () => {
        const outputs = run(gan, 'discriminator', inputs);
        const { loss: f } = discriminatorReference(gan, inputs, activation);
        const d = f64(inputs.weights.discriminator);
        const expected = reference.numericalGradient(gan.layouts.discriminator, d, f);
        expect(relativeError(flatGradients(gan, 'discriminator', outputs), expected)).toBeLessThan(TOLERANCE);
        expect(outputs['metrics/discriminatorLoss']![0]).toBeCloseTo(f(d), 5);
      });

      it(`G, ${activation}, ${loss}`, () => {
        const outputs = run(gan, 'generator', inputs);
        const f = generatorReference(gan, inputs, activation, loss);
        const g = f64(inputs.weights.generator);
        const expected = reference.numericalGradient(gan.layouts.generator, g, f);
        expect(relativeError(flatGradients(gan, 'generator', outputs), expected)).toBeLessThan(TOLERANCE);
        expect(outputs['metrics/generatorLoss']![0]).toBeCloseTo(f(g), 5);
        expect(Object.keys(outputs).filter((name) => name.startsWith('metrics/'))).toEqual(['metrics/generatorLoss']);
      });
    }

    it(`D with R1, ${activation}`, () => {
      const gan = smallGan(activation);
      const inputs = testInputs(gan, SAMPLES);
      const outputs = run(gan, 'discriminator', inputs, true);
      const { loss, penalty } = discriminatorReference(gan, inputs, activation);
      const d = f64(inputs.weights.discriminator);
      const objective = (moved: Float64Array) => loss(moved) + SMALL_CONFIG.r1Interval * penalty(moved);
      const expected = reference.numericalGradient(gan.layouts.discriminator, d, objective);
      expect(relativeError(flatGradients(gan, 'discriminator', outputs), expected)).toBeLessThan(TOLERANCE);
      expect(outputs['metrics/discriminatorLoss']![0]).toBeCloseTo(loss(d), 5);
      expect(outputs['metrics/penalty']![0]! / penalty(d)).toBeCloseTo(1, 5);
    });
  }
});

describe('simultaneous gradients', () => {
  for (const penalized of [false, true]) {
    it(`equal the separate ones at the same weights${penalized ? ', with R1' : ''}`, () => {
      const gan = smallGan('tanh');
      const inputs = testInputs(gan, SAMPLES);
      const both = run(gan, 'both', inputs, penalized);
      const apart = { ...run(gan, 'discriminator', inputs, penalized), ...run(gan, 'generator', inputs) };
      expect(Object.keys(both).sort()).toEqual(Object.keys(apart).sort());
      for (const [name, values] of Object.entries(apart)) expect(relativeError(both[name]!, values)).toBeLessThan(2e-6);
    });
  }
});

describe('shards', () => {
  it('have gradients whose mean is the gradient of the whole batch', () => {
    const gan = smallGan('tanh');
    const inputs = testInputs(gan, SAMPLES);
    for (const kind of ['discriminator', 'generator', 'both'] as const) {
      const whole = run(gan, kind, inputs, kind !== 'generator');
      const parts = [0, 1, 2].map((s) => {
        const shard = { ...inputs, real: inputs.real.slice(s * 8, s * 8 + 8), z: inputs.z.slice(s * 6, s * 6 + 6) };
        return run(gan, kind, shard, kind !== 'generator');
      });
      for (const [name, values] of Object.entries(whole)) {
        const averaged = values.map((_, i) => reference.mean(parts.map((part) => part[name]![i]!)));
        expect(relativeError(averaged, values), `${kind} ${name}`).toBeLessThan(2e-6);
      }
    }
  });
});

describe('metrics', () => {
  it('count the images that D judges right', () => {
    const gan = smallGan();
    const inputs = testInputs(gan, SAMPLES);
    const outputs = run(gan, 'discriminator', inputs);
    const d = f64(inputs.weights.discriminator);
    const fake = reference.generate(gan.layouts.generator, f64(inputs.weights.generator), rows(inputs.z, 3), 'relu');
    const share = (logits: number[], right: (x: number) => boolean) => logits.filter(right).length / logits.length;
    const real = reference.logits(gan.layouts.discriminator, d, rows(inputs.real, 4), 'relu');
    expect(outputs['metrics/accuracyReal']![0]).toBeCloseTo(
      share(real, (x) => x > 0),
      6,
    );
    const onFake = reference.logits(gan.layouts.discriminator, d, fake, 'relu');
    expect(outputs['metrics/accuracyFake']![0]).toBeCloseTo(
      share(onFake, (x) => x < 0),
      6,
    );
    expect(Object.keys(outputs).slice(-3)).toEqual([
      'metrics/discriminatorLoss',
      'metrics/accuracyReal',
      'metrics/accuracyFake',
    ]);
  });
});

describe('sampling programs', () => {
  it('generate and judge as the reference does', () => {
    const gan = smallGan();
    const inputs = testInputs(gan, SAMPLES);
    const { images } = runProgram(gan.generateProgram(SAMPLES), programInputs(gan, inputs));
    const expected = reference.generate(
      gan.layouts.generator,
      f64(inputs.weights.generator),
      rows(inputs.z, 3),
      'relu',
    );
    expect(
      relativeError(
        images!,
        expected.flatMap((row) => [...row]),
      ),
    ).toBeLessThan(1e-6);
    const judged = runProgram(gan.discriminateProgram(SAMPLES), { ...programInputs(gan, inputs), images: inputs.real });
    const d = f64(inputs.weights.discriminator);
    const logits = reference.logits(gan.layouts.discriminator, d, rows(inputs.real, 4), 'relu');
    expect(relativeError(judged.logits!, logits)).toBeLessThan(1e-5);
  });
});
