import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionCache } from '../cache.js';
import { OnnxExecutable } from '../engines/onnx-executable.js';
import { createSession } from '../engines/onnx-session.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Graph } from '../graph/graph.js';
import { sizeOf } from '../graph/shapes.js';
import { KERNELS, kernelsWith } from '../kernels/index.js';
import { KERNEL_SAMPLES, uniformOf } from '../kernels/index.samples.js';
import { encodeModel } from '../onnx/encode.js';
import type { HostArray, HostArrays } from '../program.js';
import { type KernelSample, sampleValues } from '../testing/kernel-sample.js';
import { programOf } from '../testing/program-of.js';
import { trace } from '../trace/trace.js';
import { inputName, lowerGraph, outputName } from './lower.js';

const RELATIVE_ERROR_MAX = 1e-5;

/** What tfjs's cpu backend makes of a sample. */
function oracle(sample: KernelSample, values: readonly HostArray[]): tf.Tensor[] {
  return [sample.run(...sample.inputs.map(({ shape, dtype }, i) => tf.tensor(values[i]!, [...shape], dtype)))].flat();
}

/** The graph as a trace has it, before the passes; of a kernel that only they make, its node alone. */
function graphOf(sample: KernelSample, expected: readonly tf.Tensor[]): Graph {
  if (sample.attributes === undefined) return trace(programOf(sample));
  const builder = new GraphBuilder(sample.kernel);
  const operands = sample.inputs.map(({ shape }, i) => builder.input({ name: `x${i}`, shape, dtype: 'float32' }));
  const types = expected.map(({ shape }) => ({ shape, dtype: 'float32' as const }));
  builder.node(sample.kernel, operands, sample.attributes, types, 'a test').forEach((id, i) => {
    builder.output({ name: `y${i}`, shape: types[i]!.shape, dtype: 'float32' }, id);
  });
  return builder.build();
}

/** Runs a graph without the passes. */
async function runPlain(graph: Graph, values: readonly HostArray[]): Promise<HostArray[]> {
  const session = await createSession(encodeModel(lowerGraph(graph)), { provider: 'cpu', index: 0, threads: 1 });
  const results = graph.outputs.map(({ spec }) => resultArray(spec));
  const feeds = graph.inputs.map(({ spec }, i) => ({
    spec: { ...spec, name: inputName(spec.name) },
    array: values[i]!,
  }));
  const fetches = graph.outputs.map(({ spec }, i) => ({
    spec: { ...spec, name: outputName(spec.name) },
    array: results[i]!,
  }));
  session.bind(feeds, fetches)();
  await session.dispose();
  return results;
}

async function runOptimized(graph: Graph, values: readonly HostArray[]): Promise<HostArray[]> {
  const executable = await OnnxExecutable.compile(graph, { provider: 'cpu', cache });
  const results = graph.outputs.map(({ spec }) => resultArray(spec));
  const named = (prefix: string, arrays: readonly HostArray[]): HostArrays =>
    Object.fromEntries(arrays.map((array, i) => [`${prefix}${i}`, array]));
  executable.bind(named('x', values), named('y', results)).run();
  executable.dispose();
  return results;
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

function resultArray({ dtype, shape }: { readonly dtype: string; readonly shape: readonly number[] }): HostArray {
  const size = sizeOf(shape);
  return dtype === 'float32' ? new Float32Array(size).fill(Number.NaN) : new Int32Array(size).fill(-99);
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const label = ({ kernel, inputs }: KernelSample) =>
  `${kernel}(${inputs.map(({ shape, dtype }) => `${dtype ?? 'float32'}[${shape}]`)})`;

describe('lowering, beside the oracle', () => {
  it.each(KERNEL_SAMPLES.map((sample) => [label(sample), sample] as const))('%s', async (name, sample) => {
    const uniform = uniformOf(sample);
    const values = sample.inputs.map((input) => sampleValues(input, uniform));
    const expected = oracle(sample, values);
    const graph = graphOf(sample, expected);
    const [plain, optimized] = [await runPlain(graph, values), await runOptimized(graph, values)];
    expected.forEach((tensor, i) => {
      expectClose(plain[i]!, tensor, `${name} as it is: y${i}`);
      expectClose(optimized[i]!, tensor, `${name} after the passes: y${i}`);
    });
  });

  it('has a sample of every kernel', () => {
    const sampled = new Set(KERNEL_SAMPLES.map(({ kernel }) => kernel));
    expect([...KERNELS.keys()].filter((kernel) => !sampled.has(kernel))).toEqual([]);
  });

  it('knows every kernel that a trace records', () => {
    const recorded = [...kernelsWith('trace')].map(([kernel, { op }]) => op ?? kernel);
    expect(recorded.filter((kernel) => KERNELS.get(kernel)?.lower === undefined)).toEqual([]);
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
