import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../onnx/encode.js';
import type { OnnxModel } from '../onnx/model.js';
import type { TensorSpec } from '../program.js';
import { cpuInterface, loadOrtCApi } from './ort-c-api.js';

const spec = (name: string, shape: number[]): TensorSpec => ({ name, shape, dtype: 'float32' });
const A = spec('a', [4]);
const B = spec('b', []);
const Y = spec('y', [4]);
const model: OnnxModel = {
  inputs: [A, B],
  outputs: [Y],
  initializers: new Map(),
  nodes: [{ op: 'Mul', inputs: ['a', 'b'], outputs: ['y'], attributes: {} }],
};
const api = loadOrtCApi();
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

it.runIf(process.platform === 'linux' && process.arch === 'x64')('is used on Linux', () => {
  expect(cpuInterface()).toBe('C interface');
});

describe.skipIf(api === null)('the C interface of ONNX Runtime', () => {
  const open = () => api!.createSession(encodeModel(model), { threads: 1 });

  it('reads and writes the callers arrays in place, also tiny ones, after garbage collections', () => {
    const session = open();
    const a = Float32Array.of(1, 2, 3, 4);
    const b = Float32Array.of(10);
    const y = new Float32Array(4);
    const run = session.bind(
      [
        { spec: A, array: a },
        { spec: B, array: b },
      ],
      [{ spec: Y, array: y }],
    );
    for (let round = 0; round < 2000; round++) {
      a[0] = round;
      run();
      if (y[0] !== round * 10) expect(y[0]).toBe(round * 10);
      new Array(1000).fill(round);
    }
    expect([...y]).toEqual([19990, 20, 30, 40]);
    session.dispose();
  });

  it('lets an output share memory with an input', () => {
    const session = open();
    const a = Float32Array.of(1, 2, 3, 4);
    session.bind(
      [
        { spec: A, array: a },
        { spec: B, array: Float32Array.of(3) },
      ],
      [{ spec: Y, array: a }],
    )();
    expect([...a]).toEqual([3, 6, 9, 12]);
    session.dispose();
  });

  it('gives back the tensors of bindings that nobody holds any more, and of the others when it is disposed of', async () => {
    const session = open();
    const bind = () =>
      session.bind(
        [
          { spec: A, array: Float32Array.of(1, 2, 3, 4) },
          { spec: B, array: Float32Array.of(10) },
        ],
        [{ spec: Y, array: new Float32Array(4) }],
      );
    const kept = bind();
    for (let i = 0; i < 500; i++) bind()();
    expect(session.tensorCount).toBeGreaterThan(3);
    for (let round = 0; round < 100 && session.tensorCount > 30; round++) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(session.tensorCount).toBeLessThanOrEqual(30);
    kept();
    session.dispose();
    expect(session.tensorCount).toBe(0);
  });

  it('names what is wrong with a model or a run', () => {
    expect(() => api!.createSession(Uint8Array.of(1, 2, 3), { threads: 1 })).toThrow(/protobuf/);
    const session = open();
    const run = session.bind([{ spec: A, array: new Float32Array(4) }], [{ spec: Y, array: new Float32Array(4) }]);
    expect(run).toThrow(/Missing Input: b/);
    session.dispose();
  });
});
