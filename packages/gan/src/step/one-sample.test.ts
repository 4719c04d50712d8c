import { createEngine, type Program } from '@gantry/engine';
import { memory } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import type { UpdateKind } from '../contract.js';
import { programInputs, testInputs } from '../testing/inputs.js';
import { smallGan } from '../testing/small-gan.js';

/* Shards of one sample: shapes full of ones, which are also scalars in disguise. */

const gan = smallGan('relu');
const inputs = programInputs(gan, testInputs(gan, 1));

async function runOn(name: 'onnx' | 'js', program: Program): Promise<Record<string, Float32Array>> {
  const engine = await createEngine({ engine: name, device: 'cpu', threads: 1 });
  const executable = await engine.compile(program);
  const outputs = Object.fromEntries(
    executable.outputs.map(({ name: output, shape }) => [
      output,
      new Float32Array(shape.reduce((product, size) => product * size, 1)),
    ]),
  );
  const bound = executable.bind(
    Object.fromEntries(program.inputs.map((spec) => [spec.name, inputs[spec.name]!])),
    outputs,
  );
  await bound.run();
  const before = memory().numTensors;
  for (let i = 0; i < 3; i++) await bound.run();
  expect(memory().numTensors).toBe(before);
  executable.dispose();
  await engine.dispose();
  return outputs;
}

it.each<[UpdateKind, boolean]>([
  ['discriminator', false],
  ['discriminator', true],
  ['generator', false],
  ['both', false],
  ['both', true],
])('%s, penalized %s: compiles, is right, and leaves no tensors', async (kind, penalized) => {
  const program = gan.gradientsProgram(kind, { samples: 1, penalized });
  const [captured, oracle] = [await runOn('onnx', program), await runOn('js', program)];
  expect(Object.keys(captured)).toEqual(Object.keys(oracle));
  for (const [name, values] of Object.entries(captured)) {
    values.forEach((value, i) => {
      expect(Math.abs(value - oracle[name]![i]!), `${name}[${i}]`).toBeLessThanOrEqual(
        1e-5 * Math.max(1, Math.abs(oracle[name]![i]!)),
      );
    });
  }
});
