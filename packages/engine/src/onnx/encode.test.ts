import { describe, expect, it } from 'vitest';
import { createSession, createSessionSync } from '../engines/onnx-session.js';
import { encodeModel, onnxDataType } from './encode.js';
import type { OnnxModel, OnnxNode } from './model.js';
import { ProtobufWriter } from './protobuf.js';

describe('ProtobufWriter', () => {
  it('writes the wire format', () => {
    // The examples of protobuf.dev/programming-guides/encoding.
    expect([...new ProtobufWriter().integer(1, 150).finish()]).toEqual([0x08, 0x96, 0x01]);
    expect([...new ProtobufWriter().string(2, 'testing').finish()]).toEqual([0x12, 7, ...Buffer.from('testing')]);
    const message = new ProtobufWriter().message(3, new ProtobufWriter().integer(1, 150));
    expect([...message.finish()]).toEqual([0x1a, 0x03, 0x08, 0x96, 0x01]);
    expect([...new ProtobufWriter().integer(1, -2).finish()]).toEqual([0x08, 0xfe, ...Array(8).fill(0xff), 0x01]);
    expect([...new ProtobufWriter().float(1, 1).finish()]).toEqual([0x0d, 0, 0, 0x80, 0x3f]);
  });

  it('grows', () => {
    const large = new ProtobufWriter().bytes(1, new Uint8Array(100_000).fill(7)).integer(2, 3).finish();
    expect(large.length).toBe(1 + 3 + 100_000 + 2);
    expect([...large.subarray(-3)]).toEqual([7, 0x10, 3]);
  });
});

describe('encodeModel', () => {
  const model: OnnxModel = {
    inputs: [{ name: 'x', dtype: 'float32', shape: [2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [2] }],
    initializers: new Map([['c', { dtype: 'float32', shape: [2], data: Float32Array.of(10, 20) }]]),
    nodes: [
      { op: 'LeakyRelu', inputs: ['x'], outputs: ['t'], attributes: { alpha: { float: 0.5 } } },
      { op: 'Add', inputs: ['t', 'c'], outputs: ['y'], attributes: {} },
    ],
  };

  it('writes what ONNX Runtime reads, in the same bytes each time', async () => {
    const bytes = encodeModel(model);
    expect(Buffer.compare(bytes, encodeModel(model))).toBe(0);
    const session = await createSession(bytes, { provider: 'cpu', index: 0, threads: 1 });
    const result = new Float32Array(2);
    const edge = { shape: [2], dtype: 'float32' } as const;
    session.bind(
      [{ spec: { ...edge, name: 'x' }, array: Float32Array.of(-2, 2) }],
      [{ spec: { ...edge, name: 'y' }, array: result }],
    )();
    expect([...result]).toEqual([9, 22]);
    await session.dispose();
  });

  it('writes what an attribute is: ints, floats, lists of both', async () => {
    const x = { name: 'x', dtype: 'float32', shape: [4] } as const;
    const constant = (output: string, attributes: OnnxNode['attributes']): OnnxNode => {
      return { op: 'Constant', inputs: [], outputs: [output], attributes };
    };
    const nodes: OnnxNode[] = [
      constant('a', { value_float: { float: 2.5 } }),
      constant('b', { value_floats: { floats: [0.5, -0.5, 1e10, 3] } }),
      constant('ints', { value_ints: [-1, 0, 1, 2] }),
      { op: 'Cast', inputs: ['ints'], outputs: ['c'], attributes: { to: onnxDataType('float32') } },
      { op: 'Sum', inputs: ['x', 'a', 'b', 'c'], outputs: ['y'], attributes: {} },
    ];
    const bytes = encodeModel({ inputs: [x], outputs: [{ ...x, name: 'y' }], initializers: new Map(), nodes });
    const session = await createSession(bytes, { provider: 'cpu', index: 0, threads: 1 });
    const result = new Float32Array(4);
    session.bind([{ spec: x, array: Float32Array.of(1, 2, 3, 4) }], [{ spec: { ...x, name: 'y' }, array: result }])();
    expect([...result]).toEqual([3, 4, 1e10, 11.5]);
    await session.dispose();
  });

  it('runs in place without the C interface too', () => {
    const session = createSessionSync(encodeModel(model), { provider: 'cpu', index: 0, threads: 1 }, null);
    const edge = { shape: [2], dtype: 'float32' } as const;
    const [x, y] = [Float32Array.of(-2, 2), new Float32Array(2)];
    const run = session!.bind(
      [{ spec: { ...edge, name: 'x' }, array: x }],
      [{ spec: { ...edge, name: 'y' }, array: y }],
    );
    run();
    x.fill(10);
    run();
    expect([...y]).toEqual([20, 30]);
  });

  it('rejects a model that is none with the runtime’s own words', async () => {
    const wrong = { ...model, nodes: [{ ...model.nodes[0]!, op: 'NoSuchOperator' }, model.nodes[1]!] };
    await expect(createSession(encodeModel(wrong), { provider: 'cpu', index: 0, threads: 1 })).rejects.toMatchObject({
      code: 'GANTRY_ENGINE_FAILED',
      message: expect.stringContaining('NoSuchOperator'),
    });
  });
});
