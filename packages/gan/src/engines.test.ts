import { fileURLToPath } from 'node:url';
import { createEngine, type Engine, type Program } from '@gantry/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildGan } from './build-gan.js';
import type { Gan } from './contract.js';
import { loadDefinition } from './load-definition.js';
import { programInputs, relativeError, testInputs } from './testing/inputs.js';
import { SMALL_CONFIG, smallGan } from './testing/small-gan.js';

const EXAMPLE = fileURLToPath(new URL('../../../examples/wide-gan.ts', import.meta.url));
/** By samples a shard. Of a single sample's gradient nothing averages out: 1.4e-5 was seen. */
const TOLERANCE: Readonly<Record<number, number>> = { 1: 3e-5, 2: 1e-5 };
const engines: Engine[] = [];
beforeAll(async () => {
  for (const engine of ['js', 'onnx'] as const) engines.push(await createEngine({ engine, device: 'cpu', threads: 1 }));
});
afterAll(async () => {
  for (const engine of engines) await engine.dispose();
});

async function run(engine: Engine, program: Program, inputs: Record<string, Float32Array>) {
  const executable = await engine.compile(program);
  const outputs = Object.fromEntries(
    executable.outputs.map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))]),
  );
  const bound = executable.bind(
    Object.fromEntries(executable.inputs.map(({ name }) => [name, inputs[name]!])),
    outputs,
  );
  await bound.run();
  return outputs;
}

/** Every program of a GAN, with inputs for all of them. */
function programsOf(gan: Gan, samples: number): [Program, Record<string, Float32Array>][] {
  const inputs = programInputs(gan, testInputs(gan, samples));
  const length = 1024;
  const vector = (scale: number) => Float32Array.from({ length }, (_, i) => scale * Math.sin(i) ** 2);
  const update = {
    ...{ params: vector(1), firstMoment: vector(0.1), secondMoment: vector(0.01), ema: vector(0.9) },
    ...{ 'partials/0': vector(0.2), 'partials/1': vector(0.3), 'partials/2': vector(0.5) },
    ...{ rate: Float32Array.of(0.01), epsilon: Float32Array.of(1e-6), emaRate: Float32Array.of(0.1) },
  };
  return [
    [gan.gradientsProgram('discriminator', { samples, penalized: false }), inputs],
    [gan.gradientsProgram('discriminator', { samples, penalized: true }), inputs],
    [gan.gradientsProgram('generator', { samples, penalized: false }), inputs],
    [gan.gradientsProgram('both', { samples, penalized: false }), inputs],
    [gan.gradientsProgram('both', { samples, penalized: true }), inputs],
    [gan.generateProgram(samples), inputs],
    [gan.discriminateProgram(samples), { ...inputs, images: inputs.real! }],
    [gan.updateProgram('generator', { length, partials: 3 }), update],
  ];
}

describe('captured programs give what the oracle gives', () => {
  const cases: [string, () => Promise<Gan>][] = [
    ['a small ReLU GAN', async () => smallGan('relu')],
    ['a small tanh GAN', async () => smallGan('tanh', { loss: 'minimax' })],
    ['the preset mlp', async () => buildGan((await loadDefinition(null, 'mlp')).definition, SMALL_CONFIG)],
    [
      'the example, with leaky ReLU',
      async () => buildGan((await loadDefinition(EXAMPLE, '')).definition, SMALL_CONFIG),
    ],
  ];
  for (const [name, build] of cases) {
    // One sample a shard: axes of one element everywhere, which rewriting rules take out.
    it.each([1, 2])(`${name}, %i samples`, async (samples) => {
      for (const [program, inputs] of programsOf(await build(), samples)) {
        const [oracle, captured] = [await run(engines[0]!, program, inputs), await run(engines[1]!, program, inputs)];
        expect(Object.keys(captured)).toEqual(Object.keys(oracle));
        for (const [output, values] of Object.entries(oracle)) {
          expect(relativeError(captured[output]!, values), `${program.name} ${output}`).toBeLessThan(
            TOLERANCE[samples]!,
          );
        }
      }
    });
  }
});
