import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const RUNS = 10_000;
const GROWTH_BYTES_MAX = 2 * 1024 * 1024;

/** Runs a bound program many times in a process of its own, and prints how much heap and memory were left behind. */
const SCRIPT = `
  import * as tf from '@tensorflow/tfjs-core';
  import { createEngine } from '@gantry/engine';
  const inputs = [{ name: 'x', shape: [4, 8], dtype: 'float32' }, { name: 'w', shape: [8, 1], dtype: 'float32' }];
  const loss = (x, w) => tf.mean(tf.softplus(tf.matMul(tf.tanh(x), w)));
  const run = ({ x, w }) => ({ loss: loss(x, w), gradient: tf.grad((v) => loss(x, v))(w) });
  const engine = await createEngine({ engine: 'onnx', device: 'cpu', threads: 1 });
  const executable = await engine.compile({ name: 'small', inputs, run });
  const outputs = { loss: new Float32Array(1), gradient: new Float32Array(8) };
  const bound = executable.bind({ x: new Float32Array(32).fill(1), w: new Float32Array(8).fill(1) }, outputs);
  const used = () => {
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  for (let i = 0; i < 1000; i++) bound.run();
  const before = used();
  for (let i = 0; i < ${RUNS}; i++) bound.run();
  console.log(JSON.stringify({ growthBytes: used() - before, loss: outputs.loss[0], isPromise: bound.run() !== undefined }));
`;

it('10,000 runs of a bound program leave nothing behind', () => {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const args = ['--expose-gc', '--input-type=module', '--eval', SCRIPT];
  const result = JSON.parse(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' }));
  expect(result.growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
  expect(result.isPromise).toBe(false);
  // softplus(8 tanh 1)
  expect(result.loss).toBeCloseTo(Math.log1p(Math.exp(8 * Math.tanh(1))), 4);
});
