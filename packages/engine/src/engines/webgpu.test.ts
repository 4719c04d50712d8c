import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { probeDevice } from '../../dist/device-probe.js';

/** Chromium's Vulkan driver that computes on the cpu, where Debian puts it. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const RUN_TIMEOUT_MS = 100_000;
const CHROMIUM_ENVIRONMENT = {
  VK_DRIVER_FILES: SWIFTSHADER,
  VK_ICD_FILENAMES: SWIFTSHADER,
  XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? '/tmp',
};

/**
 * Runs programs on webgpu and on the oracle, and prints the largest relative difference: first gradients, gradients of an
 * R1 penalty, and an Adam update.
 */
const SCRIPT = `
  import * as tf from '@tensorflow/tfjs-core';
  const { OnnxEngine } = await import(process.argv[1] + '/engines/onnx-runtime.js');
  const { createEagerEngine } = await import(process.argv[1] + '/engines/eager.js');
  const { trace } = await import(process.argv[1] + '/trace/trace.js');
  const spec = (name, ...shape) => ({ name, shape, dtype: 'float32' });
  const logits = (x, w, b, v) => tf.matMul(tf.tanh(tf.add(tf.matMul(x, w), b)), v);
  const net = [spec('x', 16, 12), spec('w', 12, 20), spec('b', 20), spec('v', 20, 1)];
  const dense = {
    name: 'dense',
    inputs: net,
    run({ x, w, b, v }) {
      const relu = (w, b, v) => tf.matMul(tf.relu(tf.add(tf.matMul(x, w), b)), v);
      const loss = (w, b, v) => tf.mean(tf.softplus(tf.neg(relu(w, b, v))));
      const { value, grads } = tf.valueAndGrads(loss)([w, b, v]);
      return { value, w: grads[0], b: grads[1], v: grads[2], y: tf.sigmoid(relu(w, b, v)) };
    },
  };
  const penalty = {
    name: 'r1',
    inputs: net,
    run({ x, w, b, v }) {
      const r1 = (w, b, v) => tf.mean(tf.sum(tf.square(tf.grad((i) => tf.sum(logits(i, w, b, v)))(x)), 1));
      const { value, grads } = tf.valueAndGrads(r1)([w, b, v]);
      return { value, w: grads[0], b: grads[1], v: grads[2] };
    },
  };
  const update = {
    name: 'update',
    inputs: [...['params', 'm', 'v', 'g0', 'g1'].map((name) => spec(name, 1000)), spec('rate'), spec('epsilon')],
    run({ params, m, v, g0, g1, rate, epsilon }) {
      const g = tf.add(g0, g1);
      const squared = tf.square(g);
      const first = tf.add(tf.mul(m, 0.5), g);
      const second = tf.add(tf.mul(tf.square(v), 0.99), squared);
      const moved = tf.sub(params, tf.mul(tf.div(first, tf.add(tf.sqrt(second), tf.add(1, tf.square(epsilon)))), rate));
      return { moved, first, second, norm: tf.sum(squared) };
    },
  };
  const device = { id: 'webgpu', provider: 'webgpu', label: '', reason: '' };
  const engines = [await createEagerEngine('js'), new OnnxEngine({ trace }, device, 1)];
  let worst = 0;
  for (const program of [dense, penalty, update]) {
    const results = [];
    for (const engine of engines) {
      const executable = await engine.compile(program);
      const array = ({ shape }) => new Float32Array(shape.reduce((a, b) => a * b, 1));
      const arrays = (specs) => Object.fromEntries(specs.map((spec) => [spec.name, array(spec)]));
      const inputs = arrays(executable.inputs);
      Object.values(inputs).forEach((values, k) => values.forEach((_, i) => { values[i] = Math.sin(i * 1.7 + k); }));
      const outputs = arrays(executable.outputs);
      await executable.bind(inputs, outputs).run();
      results.push(outputs);
    }
    for (const [name, expected] of Object.entries(results[0])) {
      const scale = Math.max(...expected.map(Math.abs));
      expected.forEach((value, i) => {
        const difference = Math.abs(results[1][name][i] - value) / scale;
        worst = difference <= worst ? worst : difference;
      });
    }
  }
  process.stdout.write('worst ' + worst + '\\n', () => process.kill(process.pid, 'SIGKILL'));
`;

/** The adapters of this machine, by the environment that leads to them: a GPU's, and Chromium's where that is installed. */
async function adapters(): Promise<[name: string, environment: NodeJS.ProcessEnv][]> {
  const found: [string, NodeJS.ProcessEnv][] = [];
  const failure = await probeDevice({ provider: 'webgpu', index: 0 }, 'auto');
  if (failure === undefined) found.push(['the GPU', {}]);
  if (existsSync(SWIFTSHADER)) found.push(['SwiftShader', CHROMIUM_ENVIRONMENT]);
  return found;
}

const found = await adapters();

if (found.length === 0) it.skip('webgpu: no adapter on this machine', () => {});

it.each(found)('webgpu on %s computes what the oracle does', (_, environment) => {
  const dist = new URL('../../dist', import.meta.url).href;
  const args = ['--input-type=module', '-e', SCRIPT, dist];
  expect(Number(/worst (\S+)/.exec(output(args, { ...process.env, ...environment }))?.[1])).toBeLessThan(1e-5);
});

/** The child ends itself by a signal, since a driver's threads may crash or hang an orderly end. */
function output(args: readonly string[], env: NodeJS.ProcessEnv): string {
  try {
    const cwd = new URL('.', import.meta.url);
    return execFileSync(process.execPath, args, { env, cwd, timeout: RUN_TIMEOUT_MS, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    if (stdout?.includes('worst')) return stdout;
    throw new Error(`the webgpu check failed: ${stderr}`, { cause: error });
  }
}
