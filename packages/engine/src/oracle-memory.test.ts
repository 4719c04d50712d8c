import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROUNDS = 10_000;
const HEAP_GROWTH_MAX = 256 * 1024;
/** Of the whole process: a leak of 1 KiB a round outside of the heap would show. */
const RESIDENT_GROWTH_MAX = 8 * 1024 * 1024;

/**
 * Trains a small GAN in a process of its own (gradients of D with R1 and update, gradients of G and update, over shared
 * state), and prints what it left behind on the heap and in the process.
 */
const SCRIPT = `
  import * as tf from '@tensorflow/tfjs-core';
  import { createEngine } from '@gantry/engine';
  const spec = (name, ...shape) => ({ name, shape, dtype: 'float32' });
  const generate = (z, g) => tf.sigmoid(tf.matMul(z, g));
  const judge = (x, d) => tf.sum(tf.tanh(tf.matMul(x, d)), 1);
  const r1 = (x, d) => tf.mean(tf.sum(tf.square(tf.grad((i) => tf.sum(judge(i, d)))(x)), 1));
  const lossOfD = (x, z, g, d) =>
    tf.addN([tf.mean(tf.softplus(tf.neg(judge(x, d)))), tf.mean(tf.softplus(judge(generate(z, g), d))), r1(x, d)]);
  const lossOfG = (z, g, d) => tf.mean(tf.softplus(tf.neg(judge(generate(z, g), d))));
  const nets = [spec('z', 4, 3), spec('g', 3, 8), spec('d', 8, 6)];
  const gradientsD = {
    name: 'd',
    inputs: [spec('x', 4, 8), ...nets],
    run: ({ x, z, g, d }) => ({ loss: lossOfD(x, z, g, d), gradient: tf.grad((v) => lossOfD(x, z, g, v))(d) }),
  };
  const gradientsG = {
    name: 'g',
    inputs: nets,
    run: ({ z, g, d }) => ({ loss: lossOfG(z, g, d), gradient: tf.grad((v) => lossOfG(z, v, d))(g) }),
  };
  const update = (length) => ({
    name: 'update',
    inputs: [spec('params', length), spec('moment', length), spec('gradient', length)],
    run({ params, moment, gradient }) {
      const next = tf.add(tf.mul(moment, 0.9), gradient);
      return { params: tf.sub(params, tf.mul(next, 0.001)), moment: next, norm: tf.sum(tf.square(gradient)) };
    },
  });
  const engine = await createEngine({ engine: 'onnx', device: 'cpu', threads: 1 });
  const filled = (length) => Float32Array.from({ length }, (_, i) => Math.sin(i + 1));
  const [x, z, g, d] = [filled(32), filled(12), filled(24), filled(48)];
  const loss = new Float32Array(1);
  async function step(program, inputs, params) {
    const gradient = new Float32Array(params.length);
    const moment = new Float32Array(params.length);
    const gradients = (await engine.compile(program)).bind(inputs, { loss, gradient });
    const updates = (await engine.compile(update(params.length))).bind(
      { params, moment, gradient },
      { params, moment, norm: new Float32Array(1) },
    );
    return [gradients, updates];
  }
  const bound = [...(await step(gradientsD, { x, z, g, d }, d)), ...(await step(gradientsG, { z, g, d }, g))];
  let promises = 0;
  const train = (rounds) => {
    for (let i = 0; i < rounds; i++) for (const program of bound) if (program.run() !== undefined) promises++;
  };
  const used = () => {
    gc();
    gc();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heap: heapUsed + external, resident: rss };
  };
  train(2000);
  const before = used();
  train(${ROUNDS});
  const after = used();
  const finite = [...d, ...g, ...loss].every(Number.isFinite);
  const heap = after.heap - before.heap;
  console.log(JSON.stringify({ heap, resident: after.resident - before.resident, promises, finite, loss: loss[0] }));
`;

it('10,000 updates of D and of G leave nothing behind', () => {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const args = ['--expose-gc', '--input-type=module', '--eval', SCRIPT];
  const result = JSON.parse(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' }));
  expect(result).toMatchObject({ promises: 0, finite: true });
  expect(result.heap).toBeLessThan(HEAP_GROWTH_MAX);
  expect(result.resident).toBeLessThan(RESIDENT_GROWTH_MAX);
});
