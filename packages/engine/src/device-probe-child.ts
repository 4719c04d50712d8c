/** Run by `probeDevice` in a process of its own: `node device-probe-child.js PROVIDER INDEX` says `probe: right`, or why not. */
import { createSession, type Provider } from './engines/onnx-session.js';
import { GraphBuilder } from './graph/builder.js';
import { lowerGraph } from './lower/lower.js';
import { encodeModel } from './onnx/encode.js';

const [provider = 'cpu', index = '0'] = process.argv.slice(2);

/** y = a · aᵀ for a = [[1, 2]]: 5. */
async function probe(): Promise<string> {
  const builder = new GraphBuilder('probe');
  const a = builder.input({ name: 'a', shape: [1, 2], dtype: 'float32' });
  const output = { name: 'y', shape: [1, 1], dtype: 'float32' } as const;
  const [y] = builder.node('BatchMatMul', [a, a], { transposeA: false, transposeB: true }, [output]);
  builder.output(output, y!);
  const model = lowerGraph(builder.build());
  const session = await createSession(encodeModel(model), {
    provider: provider as Provider,
    index: Number(index),
    threads: 1,
  });
  const result = new Float32Array(1);
  const input = { spec: { ...model.inputs[0]!, dtype: 'float32' as const }, array: Float32Array.of(1, 2) };
  await session.bind([input], [{ spec: { ...model.outputs[0]!, dtype: 'float32' as const }, array: result }])();
  return result[0] === 5 ? 'right' : `it computes 1·1 + 2·2 = ${result[0]}`;
}

const answer = await probe().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
// A provider's own threads may keep a process alive, or crash it at its end: the answer is out, so end at once.
process.stdout.write(`probe: ${answer.split('\n')[0]}\n`, () => process.kill(process.pid, 'SIGKILL'));
