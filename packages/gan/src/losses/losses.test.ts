import { add, mean, scalar, sub, type Tensor, tensor2d } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { buildGan } from '../build-gan.js';
import { programInputs, testInputs } from '../testing/inputs.js';
import * as reference from '../testing/reference.js';
import { runProgram } from '../testing/run-program.js';
import { SMALL_CONFIG, smallDefinition } from '../testing/small-gan.js';
import '@tensorflow/tfjs-backend-cpu';
import { LOSSES } from './losses.js';

const REAL = [3, -0.5, 80, -90];
const FAKE = [-2, 0.25, -100, 95];

function value(loss: (real: Tensor, fake: Tensor) => Tensor): number {
  return loss(tensor2d(REAL, [4, 1]), tensor2d(FAKE, [4, 1])).dataSync()[0]!;
}

it('give the cross-entropies of the definitions, also for logits whose exponentials overflow', () => {
  const expected =
    reference.mean(REAL.map((x) => reference.softplus(-x))) + reference.mean(FAKE.map(reference.softplus));
  for (const loss of Object.values(LOSSES)) expect(value(loss.discriminator) / expected).toBeCloseTo(1, 6);
  expect(
    value((_, fake) => LOSSES['non-saturating']!.generator(fake)) /
      reference.mean(FAKE.map((x) => reference.softplus(-x))),
  ).toBeCloseTo(1, 6);
  expect(
    value((_, fake) => LOSSES.minimax!.generator(fake)) / -reference.mean(FAKE.map(reference.softplus)),
  ).toBeCloseTo(1, 6);
});

it.each(['constructor', 'toString', '__proto__'])('are not found under the name %s', (loss) => {
  expect(() => buildGan(smallDefinition('relu'), { ...SMALL_CONFIG, loss })).toThrow(
    expect.objectContaining({ code: 'GANTRY_CONFIG_INVALID' }),
  );
});

it("may be a user's own, and must be scalars", () => {
  const definition = smallDefinition('relu');
  const build = (generator: (fake: Tensor) => Tensor) =>
    buildGan(
      { ...definition, loss: { name: 'own', discriminator: (real, fake) => sub(mean(real), mean(fake)), generator } },
      SMALL_CONFIG,
    );
  const run = (generator: (fake: Tensor) => Tensor) => {
    const gan = build(generator);
    const inputs = programInputs(gan, testInputs(gan, 2));
    return runProgram(gan.gradientsProgram('generator', { samples: 2, penalized: false }), inputs);
  };
  expect(run((fake) => add(mean(fake), scalar(5)))['metrics/generatorLoss']).toHaveLength(1);
  expect(() => run((fake) => fake)).toThrow(/"own" gives a float32 tensor of shape \[2,1\] for the generator/);
});
