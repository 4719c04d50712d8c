import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionCache } from '../cache.js';
import { OnnxExecutable } from '../engines/onnx-executable.js';
import { createSession } from '../engines/onnx-session.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Graph } from '../graph/graph.js';
import { sizeOf } from '../graph/shapes.js';
import { encodeModel } from '../onnx/encode.js';
import type { HostArray } from '../program.js';
import { KERNEL_RULES } from '../trace/registry.js';
import { KERNEL_SAMPLES, type KernelSample, type SampleTensor } from './kernel-samples.js';
import { inputName, loweredKernels, lowerGraph, outputName } from './lower.js';

/** Gantry's own kernels, which the passes make; they are tested by the passes' tests. */
const WITHOUT_SAMPLE = ['ColumnSum', 'Gemm'];
const MADE_BY_PASSES = ['BroadcastTo', ...WITHOUT_SAMPLE];
/** Kernels that tfjs's cpu backend has under no name of their own, by the operation that they are. */
const OPERATIONS: Readonly<Record<string, (inputs: tf.Tensor[], attributes: KernelSample['attributes']) => tf.Tensor>> =
  {
    BroadcastTo: ([x], { shape }) => tf.broadcastTo(x!, shape as never),
  };
const RELATIVE_ERROR_MAX = 1e-5;

/** xorshift32: samples must be the same in every run. */
function randomValues(seed: number, { shape, dtype, range: [low, high] }: SampleTensor): HostArray | Uint8Array {
  let state = seed * 2654435761 + 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let warm = 0; warm < 8; warm++) next();
  const size = sizeOf(shape);
  if (dtype === 'float32') return Float32Array.from({ length: size }, () => low + next() * (high - low));
  const values = Array.from({ length: size }, () => low + Math.floor(next() * (high - low + 1)));
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

type Values = readonly (HostArray | Uint8Array)[];

function oracle({ kernel, names, inputs, attributes }: KernelSample, values: Values): tf.Tensor[] {
  const tensors = inputs.map(({ shape, dtype }, index) => tf.tensor(values[index]!, [...shape], dtype));
  const operation = OPERATIONS[kernel];
  if (operation !== undefined) return [operation(tensors, attributes)];
  const named = names === undefined ? tensors : Object.fromEntries(names.map((name, index) => [name, tensors[index]!]));
  const result = tf.engine().runKernel(kernel, named as tf.NamedTensorMap, attributes as never) as
    | tf.Tensor
    | tf.Tensor[];
  return Array.isArray(result) ? result : [result];
}

/** Bool operands come in as int32 and are cast, as a trace would have it. */
function graphOf(sample: KernelSample, expected: readonly tf.Tensor[]): Graph {
  const builder = new GraphBuilder(sample.kernel);
  const operands = sample.inputs.map(({ shape, dtype }, index) => {
    const id = builder.input({ name: `x${index}`, shape, dtype: dtype === 'bool' ? 'int32' : dtype });
    return dtype === 'bool' ? builder.node('Cast', [id], { dtype: 'bool' }, [{ shape, dtype }])[0]! : id;
  });
  const types = expected.map(({ shape, dtype }) => ({ shape, dtype: dtype as 'float32' | 'int32' | 'bool' }));
  builder.node(sample.kernel, operands, sample.attributes, types, 'a test').forEach((id, index) => {
    const { shape, dtype } = types[index]!;
    builder.output({ name: `y${index}`, shape, dtype: dtype === 'float32' ? 'float32' : 'int32' }, id);
  });
  return builder.build();
}

function expectClose(actual: HostArray, expected: tf.Tensor, label: string): void {
  const wanted = expected.dataSync();
  let largest = 1e-3;
  for (const value of wanted) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  wanted.forEach((value: number, index: number) => {
    // Relative to the element where it is not small beside the tensor, to the tensor where it is.
    const bound = RELATIVE_ERROR_MAX * Math.max(Math.abs(value), 0.01 * largest);
    const isSame = Object.is(actual[index], value) || Math.abs(actual[index]! - value) <= bound;
    if (!isSame) expect.fail(`${label}[${index}] is ${actual[index]}, the oracle has ${value}`);
  });
}

function hostArray({ dtype, size }: tf.Tensor): HostArray {
  return dtype === 'float32' ? new Float32Array(size).fill(Number.NaN) : new Int32Array(size).fill(-99);
}

const label = ({ kernel, inputs, attributes }: KernelSample) =>
  `${kernel}(${inputs.map(({ shape, dtype }) => `${dtype}[${shape}]`)}) ${JSON.stringify(attributes)}`;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('lowering, beside the oracle', () => {
  it.each(KERNEL_SAMPLES.map((sample) => [label(sample), sample] as const))('%s', async (name, sample) => {
    const values = sample.inputs.map((input, index) => randomValues(index + 1, input));
    const expected = oracle(sample, values);
    const graph = graphOf(sample, expected);
    const edges = values.map((value) => (value instanceof Uint8Array ? Int32Array.from(value) : value));

    const model = lowerGraph(graph);
    const session = await createSession(encodeModel(model), { provider: 'cpu', index: 0, threads: 1 });
    const plain = expected.map(hostArray);
    const feeds = graph.inputs.map(({ spec }, index) => ({
      spec: { ...spec, name: inputName(spec.name) },
      array: edges[index]!,
    }));
    const fetches = graph.outputs.map(({ spec }, index) => ({
      spec: { ...spec, name: outputName(spec.name) },
      array: plain[index]!,
    }));
    session.bind(feeds, fetches)();
    expected.forEach((tensor, index) => {
      expectClose(plain[index]!, tensor, `${name} as it is: y${index}`);
    });
    await session.dispose();

    const executable = await OnnxExecutable.compile(graph, { provider: 'cpu', cache });
    const optimized = Object.fromEntries(expected.map((tensor, index) => [`y${index}`, hostArray(tensor)]));
    executable.bind(Object.fromEntries(edges.map((edge, index) => [`x${index}`, edge])), optimized).run();
    expected.forEach((tensor, index) => {
      expectClose(optimized[`y${index}`]!, tensor, `${name} after the passes: y${index}`);
    });
    executable.dispose();
  });

  it('knows what a trace records and what the passes make, and nothing else', () => {
    const recorded = [...KERNEL_RULES.values()].map(({ kernel, op }) => op ?? kernel);
    expect(loweredKernels()).toEqual([...new Set([...recorded, ...MADE_BY_PASSES])].sort());
  });

  it('has a sample of every kernel', () => {
    const sampled = new Set(KERNEL_SAMPLES.map(({ kernel }) => kernel));
    expect(loweredKernels().filter((kernel) => !sampled.has(kernel))).toEqual([...WITHOUT_SAMPLE].sort());
  });
});

const cache = new SessionCache({ provider: 'cpu', index: 0, threads: 1 });
afterAll(() => cache.dispose());

describe('what cannot be lowered', () => {
  it('is named with its kernel and where it comes from', () => {
    const builder = new GraphBuilder('g');
    const output = { name: 'y', shape: [1], dtype: 'float32' } as const;
    const [y] = builder.node(
      'FFT',
      [builder.input({ name: 'x', shape: [1], dtype: 'float32' })],
      {},
      [output],
      'layer dense_3',
    );
    builder.output(output, y!);
    expect(() => lowerGraph(builder.build())).toThrow(
      expect.objectContaining({
        code: 'GANTRY_ENGINE_UNSUPPORTED',
        message: expect.stringMatching(/kernel FFT.*layer dense_3/),
      }),
    );
  });
});
