import * as tf from '@tensorflow/tfjs-core';
import {
  model as functionalModel,
  input as layerInput,
  layers,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from './create-engine.js';
import { drawSamples, RECORDED_SAMPLES, uniformOf } from './kernels/index.samples.js';
import type { Engine, HostArray, HostArrays, NamedTensors, Program, TensorSpec } from './program.js';
import { type KernelSample, sampleValues, seededUniform } from './testing/kernel-sample.js';
import { programOf } from './testing/program-of.js';
import { KERNEL_RULES } from './trace/registry.js';
import { trace } from './trace/trace.js';
import { withVariables } from './trace/with-variables.js';

let onnx: Engine;
let oracle: Engine;

beforeAll(async () => {
  onnx = await createEngine({ engine: 'onnx', device: 'cpu', threads: 1 });
  oracle = await createEngine({ engine: 'js', device: 'auto', threads: 1 });
});

afterAll(async () => {
  await onnx.dispose();
  await oracle.dispose();
});

const lengthOf = ({ shape }: { shape: readonly number[] }) => shape.reduce((product, size) => product * size, 1);

async function run(engine: Engine, program: Program, inputs: HostArrays): Promise<Record<string, HostArray>> {
  const executable = await engine.compile(program);
  const outputs: Record<string, HostArray> = {};
  for (const spec of executable.outputs) {
    outputs[spec.name] = spec.dtype === 'float32' ? new Float32Array(lengthOf(spec)) : new Int32Array(lengthOf(spec));
  }
  await executable.bind(inputs, outputs).run();
  executable.dispose();
  return outputs;
}

/** Largest difference over all elements, relative to the largest element: what float32 can promise of sums. */
function relativeError(actual: HostArray, expected: HostArray, scaleMin: number): number {
  let scale = scaleMin;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Number.isFinite(expected[i]!)) scale = Math.max(scale, Math.abs(expected[i]!));
    if (Object.is(actual[i], expected[i])) continue;
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, difference);
  }
  return worst === 0 ? 0 : worst / scale;
}

async function expectSame(
  program: Program,
  inputs: HostArrays,
  tolerance = 1e-5,
  scaleMin = Number.MIN_VALUE,
): Promise<Record<string, HostArray>> {
  const expected = await run(oracle, program, inputs);
  const actual = await run(onnx, program, inputs);
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, values] of Object.entries(expected)) {
    expect(actual[name]!.constructor, name).toBe(values.constructor);
    expect(
      relativeError(actual[name]!, values, scaleMin),
      `${name}: ${actual[name]} instead of ${values}`,
    ).toBeLessThan(tolerance);
  }
  return actual;
}

/** Kernels that leave no node behind: aliases, and what is recorded under another name. */
const RECORDED_AS: Readonly<Record<string, string | null>> = { Identity: null, ExpandDims: 'Reshape' };

describe('every captured kernel, ONNX Runtime against the oracle', () => {
  it.each(RECORDED_SAMPLES.map((sample, index) => [sample.kernel, index] as const))(
    '%s (sample %i)',
    async (kernel, index) => {
      const sample = RECORDED_SAMPLES[index]!;
      const program = programOf(sample);
      const op = kernel in RECORDED_AS ? RECORDED_AS[kernel] : kernel;
      if (op !== null) expect(trace(program).nodes.map((node) => node.op)).toContain(op);
      const uniform = uniformOf(sample);
      const values = sample.inputs.map((input) => sampleValues(input, uniform));
      await expectSame(program, Object.fromEntries(values.map((data, i) => [`x${i}`, data])));
    },
  );

  it('has a sample for each', () => {
    const sampled = new Set(RECORDED_SAMPLES.map(({ kernel }) => kernel));
    expect([...KERNEL_RULES.keys()].filter((kernel) => !sampled.has(kernel))).toEqual([]);
  });

  const smooth = RECORDED_SAMPLES.filter((sample) => sample.smooth !== false);
  it.each(smooth.map((sample, index) => [sample.kernel, index] as const))(
    'second derivatives of %s (%i)',
    async (_, index) => {
      const sample = smooth[index]!;
      const uniform = uniformOf(sample, 1);
      const values = sample.inputs.map((input) => sampleValues(input, uniform));
      const bound = Object.fromEntries(values.map((data, i) => [`x${i}`, data]));
      await expectSame(secondDerivatives(sample), bound, 5e-5);
    },
  );
});

describe('integers at the edges of what they can be', () => {
  const programFor = (shapes: Readonly<Record<string, readonly number[]>>, run: Program['run']): Program => ({
    name: 'edges',
    inputs: Object.entries(shapes).map(([name, shape]) => ({ name, shape, dtype: name === 'x' ? 'float32' : 'int32' })),
    run,
  });

  it('divide exactly, by zero and by −1 too', async () => {
    const a = Int32Array.of(16777217, -7, 7, -8, 5, 0, -(2 ** 31), 2 ** 31 - 1, 2 ** 31 - 1, -(2 ** 31), -5);
    const b = Int32Array.of(1, 2, -2, 4, 0, 0, -1, -1, -2, 3, -5);
    const program = programFor({ a: [11], b: [11] }, (inputs) => ({ y: tf.floorDiv(inputs.a!, inputs.b!) }));
    const [expected, actual] = [await run(oracle, program, { a, b }), await run(onnx, program, { a, b })];
    expect([...actual.y!]).toEqual([...expected.y!]);
    expect(actual.y![0]).toBe(16777217);
  });

  it('name segments that do not exist: their rows are left out', async () => {
    const program = programFor({ x: [6, 2], ids: [6] }, ({ x, ids }) => {
      return { y: tf.unsortedSegmentSum(x!, ids! as tf.Tensor1D, 4) };
    });
    const inputs = { x: Float32Array.from({ length: 12 }, (_, i) => i + 1), ids: Int32Array.of(-1, 0, 3, 4, 99, 0) };
    const { y } = await expectSame(program, inputs);
    expect([...y!]).toEqual([14, 16, 0, 0, 0, 0, 5, 6]);
  });

  it('name no row before the first', async () => {
    const program = programFor({ x: [3, 2], ids: [2] }, ({ x, ids }) => ({ y: tf.gather(x!, ids!) }));
    const inputs = { x: new Float32Array(6), ids: Int32Array.of(0, -1) };
    await expect(run(onnx, program, inputs)).rejects.toMatchObject({ code: 'GANTRY_ENGINE_FAILED' });
    await expect(run(oracle, program, inputs)).rejects.toThrow();
  });
});

describe('floats at the edges of what they can be', () => {
  const EDGES = Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 1, -1, 2.5, -2.5, 1e30, -1e30);
  const onEdges = (run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Program => ({
    name: 'edges',
    inputs: [
      { name: 'a', shape: [EDGES.length, 1], dtype: 'float32' },
      { name: 'b', shape: [EDGES.length], dtype: 'float32' },
    ],
    run: ({ a, b }) => ({ y: run(a!, b!) }),
  });

  it('have angles', async () => {
    await expectSame(onEdges(tf.atan2), { a: EDGES, b: EDGES });
  });

  it('of which a zero with a sign is one: it divides like any zero', async () => {
    const program = onEdges((a, b) => tf.atan2(a, tf.mul(b, 0)));
    const finite = EDGES.map((value) => (Number.isFinite(value) ? value || 1 : 1));
    await expectSame(program, { a: finite, b: finite });
  });
});

/** Another seed draws other shapes; the default keeps runs alike. */
const SEED = Number(process.env.GANTRY_TEST_SEED ?? 20_240_229);
const ROUNDS = 3;
/** A single number may be anything: a sum that cancels, a sigmoid of −80. */
const RANDOM_SCALE_MIN = 0.1;

describe(`every captured kernel on random shapes, GANTRY_TEST_SEED=${SEED}`, () => {
  const shapes = seededUniform(SEED);
  const drawn = Array.from({ length: ROUNDS }, () => drawSamples(shapes)).flat();
  const label = ({ kernel, inputs }: KernelSample) => `${kernel}(${inputs.map(({ shape }) => `[${shape}]`)})`;

  it.each(drawn.map((sample, index) => [label(sample), index] as const))('%s (%i)', async (_, index) => {
    const uniform = seededUniform(SEED + 7_654_321 * index);
    const values = drawn[index]!.inputs.map((input) => sampleValues(input, uniform));
    const bound = Object.fromEntries(values.map((data, i) => [`x${i}`, data]));
    await expectSame(programOf(drawn[index]!), bound, 1e-5, RANDOM_SCALE_MIN);
  });

  it('draws every kernel', () => {
    const sampled = new Set(drawn.map(({ kernel }) => kernel));
    expect([...KERNEL_RULES.keys()].filter((kernel) => !sampled.has(kernel))).toEqual([]);
  });
});

/** Derivatives of the squared length of the gradient of Σ (y + y²), with respect to every float32 input. */
function secondDerivatives(sample: KernelSample): Program {
  const { inputs, name } = programOf(sample);
  const floats = inputs.filter(({ dtype }) => dtype === 'float32');
  return {
    name: `${name}''`,
    inputs,
    run(tensors) {
      const call = (xs: tf.Tensor[]) => {
        let next = 0;
        return [
          sample.run(...inputs.map(({ name, dtype }) => (dtype === 'float32' ? xs[next++]! : tensors[name]!))),
        ].flat();
      };
      const sums = (...xs: tf.Tensor[]) => tf.addN(call(xs).map((y) => tf.sum(tf.add(y, tf.square(y)))));
      const squares = (...xs: tf.Tensor[]) =>
        tf.addN(
          tf
            .grads(sums)(xs)
            .map((g) => tf.sum(tf.square(g))),
        );
      const seconds = tf.grads(squares)(floats.map((spec) => tensors[spec.name]!));
      return Object.fromEntries(seconds.map((tensor, i) => [`d${i}`, tensor]));
    },
  };
}

const BATCH = 8;

function discriminator(kind: 'sequential' | 'functional', activation: 'relu' | 'tanh' | 'leaky') {
  const act = () => (activation === 'leaky' ? layers.leakyReLU({ alpha: 0.2 }) : layers.activation({ activation }));
  const fused = activation === 'leaky' ? {} : { activation };
  if (kind === 'sequential') {
    const last = activation === 'leaky' ? [act()] : [];
    return sequential({
      layers: [
        layers.flatten({ inputShape: [4, 3, 1] }),
        layers.dense({ units: 16, ...fused }),
        ...last,
        layers.dense({ units: 1 }),
      ],
    });
  }
  const x = layerInput({ shape: [4, 3, 1] });
  const flat = layers.flatten().apply(x) as SymbolicTensor;
  const hidden = act().apply(layers.dense({ units: 16 }).apply(flat)) as SymbolicTensor;
  const joined = layers.concatenate().apply([flat, hidden]) as SymbolicTensor;
  return functionalModel({ inputs: x, outputs: layers.dense({ units: 1 }).apply(joined) as SymbolicTensor });
}

type Loss = (logits: tf.Tensor, fake: tf.Tensor, real: tf.Tensor, net: (x: tf.Tensor) => tf.Tensor) => tf.Tensor;

const LOSSES: Readonly<Record<string, Loss>> = {
  softplus: (real, fake) => tf.add(tf.mean(tf.softplus(tf.neg(real))), tf.mean(tf.softplus(fake))),
  crossEntropy: (real, fake) =>
    tf.add(
      tf.losses.sigmoidCrossEntropy(tf.onesLike(real), real),
      tf.losses.sigmoidCrossEntropy(tf.zerosLike(fake), fake),
    ),
  'softplus + R1': (real, fake, x, net) => {
    const gradient = tf.grad((input) => tf.sum(net(input)))(x);
    const penalty = tf.mean(tf.sum(tf.square(gradient), [1, 2, 3]));
    return tf.add(tf.add(tf.mean(tf.softplus(tf.neg(real))), tf.mean(tf.softplus(fake))), tf.mul(penalty, 0.5));
  },
};

function discriminatorProgram(
  net: ReturnType<typeof discriminator>,
  loss: Loss,
): { program: Program; inputs: HostArrays } {
  const variables = net.weights.map((weight) => weight.read() as tf.Variable);
  const images = ['real', 'fake'].map((name): TensorSpec => ({ name, shape: [BATCH, 4, 3, 1], dtype: 'float32' }));
  const weights = variables.map(({ name, shape }): TensorSpec => ({ name, shape, dtype: 'float32' }));
  const forward = (x: tf.Tensor) => net.apply(x) as tf.Tensor;
  const runProgram = (inputs: NamedTensors): NamedTensors => {
    const given = variables.map(({ name }) => inputs[name]!);
    const f = () => loss(forward(inputs.real!), forward(inputs.fake!), inputs.real!, forward) as tf.Scalar;
    const { value } = withVariables(variables, given, () => tf.variableGrads(f, variables));
    return { loss: value.value, ...value.grads };
  };
  const uniform = seededUniform(42);
  const inputs = Object.fromEntries(
    [...images, ...weights].map((spec) => [spec.name, sampleValues({ shape: spec.shape, range: [-1, 1] }, uniform)]),
  );
  return { program: { name: 'discriminator', inputs: [...images, ...weights], run: runProgram }, inputs };
}

describe('gradients of dense discriminators', () => {
  const kinds = ['sequential', 'functional'] as const;
  const activations = ['relu', 'tanh', 'leaky'] as const;
  const cases = kinds.flatMap((kind) =>
    activations.flatMap((act) => Object.keys(LOSSES).map((loss) => [kind, act, loss] as const)),
  );

  it.each(cases)('%s, %s, %s', async (kind, activation, loss) => {
    const net = discriminator(kind, activation);
    const { program, inputs } = discriminatorProgram(net, LOSSES[loss]!);
    const outputs = await expectSame(program, inputs);
    const norm = Object.values(outputs).reduce((sum, values) => sum + Math.hypot(...values), 0);
    expect(norm).toBeGreaterThan(0.1);
    net.dispose();
  });
});
