import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Chromium's Vulkan driver that computes on the cpu, where Debian puts it. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const RUN_TIMEOUT_MS = 100_000;

/** Compiles the gradients of a small dense net on both providers, and prints the largest relative difference. */
const SCRIPT = `
  import * as tf from '@tensorflow/tfjs-core';
  const { OnnxEngine } = await import(process.argv[1] + '/engines/onnx-runtime.js');
  const { trace } = await import(process.argv[1] + '/trace/trace.js');
  const spec = (name, ...shape) => ({ name, shape, dtype: 'float32' });
  const program = {
    name: 'dense',
    inputs: [spec('x', 16, 12), spec('w', 12, 20), spec('b', 20), spec('v', 20, 1)],
    run({ x, w, b, v }) {
      const logits = (w, b, v) => tf.matMul(tf.relu(tf.add(tf.matMul(x, w), b)), v);
      const loss = (w, b, v) => tf.mean(tf.softplus(tf.neg(logits(w, b, v))));
      const { value, grads } = tf.valueAndGrads(loss)([w, b, v]);
      return { value, w: grads[0], b: grads[1], v: grads[2], y: tf.sigmoid(logits(w, b, v)) };
    },
  };
  const results = [];
  for (const provider of ['cpu', 'webgpu']) {
    const engine = new OnnxEngine({ trace }, { id: provider, provider, label: '', reason: '' }, 1);
    const executable = await engine.compile(program);
    const array = ({ shape }) => new Float32Array(shape.reduce((a, b) => a * b, 1));
    const arrays = (specs) => Object.fromEntries(specs.map((spec) => [spec.name, array(spec)]));
    const inputs = arrays(executable.inputs);
    for (const values of Object.values(inputs)) values.forEach((_, i) => { values[i] = Math.sin(i * 1.7 + values.length); });
    const outputs = arrays(executable.outputs);
    await executable.bind(inputs, outputs).run();
    results.push(outputs);
  }
  let worst = 0;
  for (const [name, expected] of Object.entries(results[0])) {
    const scale = Math.max(...expected.map(Math.abs));
    expected.forEach((value, i) => { worst = Math.max(worst, Math.abs(results[1][name][i] - value) / scale); });
  }
  process.stdout.write('worst ' + worst + '\\n', () => process.kill(process.pid, 'SIGKILL'));
`;

it.skipIf(!existsSync(SWIFTSHADER))('webgpu on SwiftShader computes what cpu does', () => {
  const env = { ...process.env, VK_ICD_FILENAMES: SWIFTSHADER, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? '/tmp' };
  const dist = new URL('../../dist', import.meta.url).href;
  const args = ['--input-type=module', '-e', SCRIPT, dist];
  expect(Number(/worst (\S+)/.exec(output(args, env))?.[1])).toBeLessThan(1e-5);
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
