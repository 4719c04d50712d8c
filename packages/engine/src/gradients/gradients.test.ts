import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { kernelsWith } from '../kernels/index.js';
import { RECORDED_SAMPLES, uniformOf } from '../kernels/index.samples.js';
import { type KernelSample, sampleValues, seededUniform } from '../testing/kernel-sample.js';
import { KERNEL_RULES } from '../trace/registry.js';
import { ZERO_BINARY, ZERO_UNARY } from './gradient.js';
import { installGradients } from './install.js';

/** Large enough for float32's 7 digits, small enough for the cubic term. */
const EPSILON = 1e-2;
const TOLERANCE = 4e-3;
const DIRECTIONS = 3;
/** Draws at which no step of a difference crosses a kink, and no unit is saturated so far that a difference says nothing. */
const SEED = 6;
/** 2⁻²⁴ / (ε · TOLERANCE), and a few times that for the sum. */
const ROUNDING = 0.01;

beforeAll(async () => {
  await tf.setBackend('cpu');
  installGradients();
  installGradients();
});

type Values = Float32Array;
/** A scalar function of flat inputs, and its gradient. */
interface Scalar {
  value(inputs: readonly Values[]): number;
  gradient(inputs: readonly Values[]): Values[];
}

/** (f(x + εv) − f(x − εv)) / 2ε */
function difference(f: (inputs: readonly Values[]) => number, at: readonly Values[], along: readonly Values[]): number {
  const moved = (sign: number) => at.map((x, i) => x.map((value, j) => value + sign * EPSILON * along[i]![j]!));
  return (f(moved(1)) - f(moved(-1))) / (2 * EPSILON);
}

function dot(a: readonly Values[], b: readonly Values[]): number {
  return a.reduce((sum, x, i) => sum + x.reduce((inner, value, j) => inner + value * b[i]![j]!, 0), 0);
}

/** @param scale What the derivative along a direction is measured by: the length of the whole gradient. */
function expectClose(actual: number, expected: number, scale: number, what: string): void {
  expect(Math.abs(actual - expected) / scale, `${what}: ${actual}, by differences ${expected}`).toBeLessThan(TOLERANCE);
}

const noise = (length: number, uniform: () => number): Values => Float32Array.from({ length }, () => uniform() * 2 - 1);

/** Σ weights · (y + y²), y = sample(x), as a function of the sample's float32 inputs, and Σ u · its gradient as another. */
function functionsOf(sample: KernelSample, all: readonly (Float32Array | Int32Array)[], uniform: () => number) {
  const isFloat = sample.inputs.map((input) => input.dtype !== 'int32');
  const floats = all.filter((_, i) => isFloat[i]) as Values[];
  const tensors = (inputs: readonly Values[]) => {
    let next = 0;
    return all.map((values, i) => {
      const { shape, dtype } = sample.inputs[i]!;
      return isFloat[i] ? tf.tensor(inputs[next++]!, [...shape]) : tf.tensor(values, [...shape], dtype);
    });
  };
  const outputs = (xs: tf.Tensor[]) => [sample.run(...xs)].flat();
  const weights = tf.tidy(() => outputs(tensors(floats)).map((output) => noise(output.size, uniform)));
  const weighted = (xs: tf.Tensor[]): tf.Scalar =>
    tf.addN(
      outputs(xs).map((y, i) => tf.sum(tf.mul(tf.add(y, tf.square(y)), tf.tensor(weights[i]!, y.shape)))),
    ) as tf.Scalar;
  const floatOnly =
    (f: (xs: tf.Tensor[]) => tf.Scalar, fixed: tf.Tensor[]) =>
    (...xs: tf.Tensor[]) => {
      let next = 0;
      return f(fixed.map((tensor, i) => (isFloat[i] ? xs[next++]! : tensor)));
    };
  const floatTensors = (xs: tf.Tensor[]) => xs.filter((_, i) => isFloat[i]);
  const u = floats.map((x) => noise(x.length, uniform));
  const gradientsOf = (f: (xs: tf.Tensor[]) => tf.Scalar, xs: tf.Tensor[]) =>
    tf.grads(floatOnly(f, xs))(floatTensors(xs));
  const directional = (xs: tf.Tensor[]): tf.Scalar =>
    tf.addN(gradientsOf(weighted, xs).map((g, i) => tf.sum(tf.mul(g, tf.tensor(u[i]!, g.shape))))) as tf.Scalar;
  const scalar = (f: (xs: tf.Tensor[]) => tf.Scalar): Scalar => ({
    value: (inputs) => tf.tidy(() => f(tensors(inputs)).dataSync()[0]!),
    gradient: (inputs) => tf.tidy(() => gradientsOf(f, tensors(inputs)).map((g) => g.dataSync().slice() as Values)),
  });
  return { floats, first: scalar(weighted), second: scalar(directional) };
}

function checkDerivatives(sample: KernelSample, uniform: () => number): void {
  const all = sample.inputs.map((input) => sampleValues(input, uniform));
  const { floats, first, second } = functionsOf(sample, all, uniform);
  for (const [order, f] of Object.entries({ first, second })) {
    const gradient = f.gradient(floats);
    // Differences of a float32 function have an error of their own, in proportion to its value.
    const scale = Math.sqrt(dot(gradient, gradient)) + ROUNDING * Math.abs(f.value(floats));
    for (let direction = 0; direction < DIRECTIONS; direction++) {
      const along = floats.map((x) => noise(x.length, uniform));
      expectClose(dot(gradient, along), difference(f.value, floats, along), scale, `${order} derivative`);
    }
  }
}

describe('derivatives of kernels, against finite differences', () => {
  const smooth = RECORDED_SAMPLES.filter((sample) => sample.smooth !== false);
  it.each(smooth.map((sample, index) => [sample.kernel, index] as const))('%s (sample %i)', (_, index) => {
    checkDerivatives(smooth[index]!, uniformOf(smooth[index]!, SEED));
  });

  it('cover every gradient of the table', () => {
    const sampled = new Set(smooth.map(({ kernel }) => kernel));
    const missing = [...kernelsWith('gradient')].filter(([kernel, gradient]) => {
      return gradient !== ZERO_UNARY && gradient !== ZERO_BINARY && !sampled.has(kernel);
    });
    expect(missing.map(([kernel]) => kernel)).toEqual(['Cast']);
  });

  it('exist for every captured kernel, or are known not to', () => {
    const missing = [...KERNEL_RULES.keys()].filter((kernel) => tf.getGradient(kernel) == null);
    // Fused products bring their own; Fill has no input.
    expect(missing.sort()).toEqual(['Fill', '_FusedMatMul']);
  });
});

describe('gradients that tfjs lacks', () => {
  it('of a product that has zeros in it', () => {
    const f = (x: tf.Tensor) => tf.sum(tf.prod(x, 1));
    const x = tf.tensor2d([2, 0, 3, 0, 0, 5], [2, 3]);
    expect([...tf.grad(f)(x).dataSync()]).toEqual([0, 6, 0, 0, 0, 0]);
  });

  it('of a gather in batches', () => {
    const indices = tf.tensor2d([2, 2, 0, 1], [2, 2], 'int32');
    const weights = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const f = (x: tf.Tensor) => tf.sum(tf.mul(tf.gather(x, indices, 1, 1), weights));
    expect([
      ...tf
        .grad(f)(tf.ones([2, 3]))
        .dataSync(),
    ]).toEqual([0, 0, 3, 3, 4, 0]);
  });
});

describe('gradients that are zero', () => {
  it('pass through step functions as zero, not as an error', () => {
    const f = (x: tf.Tensor) =>
      tf.sum(tf.mul(x, tf.cast(tf.logicalNot(tf.logicalOr(tf.greater(x, 0), tf.equal(x, -1))), 'float32')));
    expect([
      ...tf
        .grad(f)(tf.tensor1d([-2, -1, 3]))
        .dataSync(),
    ]).toEqual([1, 0, 0]);
  });

  it('of a cast to integers are zero, not the identity', () => {
    const f = (x: tf.Tensor) => tf.sum(tf.mul(x, tf.cast(tf.cast(x, 'int32'), 'float32')));
    expect([
      ...tf
        .grad(f)(tf.tensor1d([1.5, 2.5]))
        .dataSync(),
    ]).toEqual([1, 2]);
  });
});

const ACTIVATIONS: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  relu: tf.relu,
  tanh: tf.tanh,
  sigmoid: tf.sigmoid,
  leaky: (x) => tf.leakyRelu(x, 0.2),
  elu: tf.elu,
  selu: tf.selu,
  softplus: tf.softplus,
  swish: (x) => tf.mul(x, tf.sigmoid(x)),
  softmax: (x) => tf.softmax(x),
  logSoftmax: (x) => tf.logSoftmax(x),
  logSigmoid: (x) => tf.logSigmoid(x),
};

const SIZES = [[6, 8], [8], [8, 1], [1]] as const;

/** mean over the batch of |∂D/∂x|², R1's form (Mescheder et al., 2018, eq. 9), of a net x → activation → logit. */
function penalty(net: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): tf.Scalar {
  const gradient = tf.grad((input) => tf.sum(net(input)))(x);
  return tf.mean(tf.sum(tf.square(gradient), 1)) as tf.Scalar;
}

function penaltyOf(net: (x: tf.Tensor, weights: tf.Tensor[]) => tf.Tensor): Scalar {
  const uniform = seededUniform(5);
  const x = tf.keep(tf.tensor(noise(30, uniform), [5, 6]));
  const f = (...weights: tf.Tensor[]) => penalty((input) => net(input, weights), x);
  const tensors = (inputs: readonly Values[]) => inputs.map((values, i) => tf.tensor(values, [...SIZES[i]!]));
  return {
    value: (inputs) => tf.tidy(() => f(...tensors(inputs)).dataSync()[0]!),
    gradient: (inputs) =>
      tf.tidy(() =>
        tf
          .grads(f)(tensors(inputs))
          .map((g) => g.dataSync().slice() as Values),
      ),
  };
}

function checkPenalty(scalar: Scalar, inputs: readonly Values[], along: readonly Values[]): void {
  const expected = difference(scalar.value, inputs, along);
  const actual = dot(scalar.gradient(inputs), along);
  expect(Math.abs(actual - expected)).toBeLessThan(0.01 * Math.abs(expected) + 1e-3);
}

describe('the R1 penalty of a dense net, differentiated by its weights', () => {
  const uniform = seededUniform(3);
  const inputs = SIZES.map((shape) =>
    noise(
      shape.reduce<number>((product, size) => product * size, 1),
      uniform,
    ),
  );
  const along = inputs.map((x) => noise(x.length, uniform));

  it.each(Object.keys(ACTIVATIONS))('%s', (name) => {
    const activation = ACTIVATIONS[name]!;
    const net = (x: tf.Tensor, [w1, b1, w2, b2]: tf.Tensor[]) =>
      tf.sigmoid(tf.add(tf.matMul(activation(tf.add(tf.matMul(x, w1!), b1!)), w2!), b2!));
    checkPenalty(penaltyOf(net), inputs, along);
  });

  it.each(['relu', 'tanh', 'sigmoid', 'elu', 'selu', 'softplus', 'swish', 'softmax', 'linear'] as const)(
    'tfjs-layers Dense with %s',
    (activation) => {
      const model = sequential({
        layers: [
          layers.dense({ units: 8, inputShape: [6], activation }),
          layers.dense({ units: 1, activation: 'tanh' }),
        ],
      });
      const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
      const x = tf.tensor(noise(30, seededUniform(5)), [5, 6]);
      const assign = (values: readonly Values[]) => {
        variables.forEach((variable, i) => void variable.assign(tf.tensor(values[i]!, variable.shape)));
      };
      const loss = () => penalty((input) => model.apply(input) as tf.Tensor, x);
      const value = (values: readonly Values[]) =>
        tf.tidy(() => {
          assign(values);
          return loss().dataSync()[0]!;
        });
      const gradient = (values: readonly Values[]) =>
        tf.tidy(() => {
          assign(values);
          const { grads } = tf.variableGrads(loss, variables);
          return variables.map((variable) => grads[variable.name]!.dataSync().slice() as Values);
        });
      checkPenalty({ value, gradient }, inputs, along);
    },
  );

  it('tf.losses.softmaxCrossEntropy inside', () => {
    const labels = tf.oneHot(tf.tensor1d([0, 1, 2, 3, 4], 'int32'), 8) as tf.Tensor2D;
    const net = (x: tf.Tensor, [w1, b1, w2]: tf.Tensor[]) => {
      const logits = tf.add(tf.matMul(x, w1!), b1!);
      return tf.mul(tf.losses.softmaxCrossEntropy(labels, logits), tf.sum(tf.matMul(tf.tanh(logits), w2!), 1, true));
    };
    checkPenalty(
      penaltyOf((x, weights) => tf.mul(net(x, weights), weights[3]!)),
      inputs,
      along,
    );
  });
});
