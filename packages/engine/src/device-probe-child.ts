/** Run by `probeDevice` in a process of its own: `node device-probe-child.js PROVIDER INDEX` says `probe: right`, or why not. */
import { createSession, type Provider } from './engines/onnx-session.js';
import { encodeModel } from './onnx/encode.js';
import type { OnnxModel } from './onnx/model.js';

const [provider = 'cpu', index = '0'] = process.argv.slice(2);

/** y = a · aᵀ, written by hand: a probe loads neither TensorFlow.js nor the kernels, and is as quick as can be. */
const MODEL: OnnxModel = {
  inputs: [{ name: 'a', dtype: 'float32', shape: [1, 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: [1, 1] }],
  initializers: new Map(),
  nodes: [
    { op: 'Transpose', inputs: ['a'], outputs: ['b'], attributes: { perm: [1, 0] } },
    { op: 'MatMul', inputs: ['a', 'b'], outputs: ['y'], attributes: {} },
  ],
};

/** For a = [[1, 2]] it is 5. */
async function probe(): Promise<string> {
  const session = await createSession(encodeModel(MODEL), {
    provider: provider as Provider,
    index: Number(index),
    threads: 1,
  });
  const result = new Float32Array(1);
  const input = { spec: { name: 'a', shape: [1, 2], dtype: 'float32' as const }, array: Float32Array.of(1, 2) };
  const output = { spec: { name: 'y', shape: [1, 1], dtype: 'float32' as const }, array: result };
  await session.bind([input], [output])();
  return result[0] === 5 ? 'right' : `it computes 1·1 + 2·2 = ${result[0]}`;
}

const answer = await probe().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
// A provider's own threads may keep a process alive, or crash it at its end: the answer is out, so end at once.
process.stdout.write(`probe: ${answer.split('\n')[0]}\n`, () => process.kill(process.pid, 'SIGKILL'));
