import { GantryError } from '@gantry/common';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import {
  model as functionalModel,
  input as layerInput,
  layers,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Graph } from '../graph/graph.js';
import type { NamedTensors, Program, TensorSpec } from '../program.js';
import { runProgram } from './run-program.js';
import { trace } from './trace.js';
import { withVariables } from './with-variables.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
  // tfjs keeps a few tensors of its own from the first gradient on; they are no leak of a trace.
  trace(programOf({ x: [2] }, ({ x }) => ({ y: tf.grad((v) => tf.sum(tf.tanh(v)))(x!) })));
});

let tensorsBefore = 0;
beforeEach(() => {
  tensorsBefore = tf.memory().numTensors;
});

function programOf(
  shapes: Readonly<Record<string, readonly number[]>>,
  run: (inputs: NamedTensors) => NamedTensors,
  name = 'test',
): Program {
  const inputs = Object.entries(shapes).map(([input, shape]): TensorSpec => ({ name: input, shape, dtype: 'float32' }));
  return { name, inputs, run };
}

const ops = (graph: Graph) => graph.nodes.map(({ op }) => op);

function failure(fn: () => unknown): GantryError {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(GantryError);
    return error as GantryError;
  }
  throw new Error('it did not throw');
}

function expectUntouched(): void {
  expect(tf.getBackend()).toBe('cpu');
  expect(tf.memory().numTensors).toBe(tensorsBefore);
  expect(tf.engine().state.activeTape ?? []).toEqual([]);
}

describe('trace', () => {
  it('records kernels with normalized attributes, in order', () => {
    const graph = trace(
      programOf({ x: [2, 3], w: [3, 4] }, ({ x, w }) => ({ y: tf.sum(tf.relu(tf.matMul(x!, w!)), -1), x: x! })),
    );
    expect(ops(graph)).toEqual(['BatchMatMul', 'Relu', 'Sum']);
    expect(graph.nodes[2]!.attributes).toEqual({ axis: [1], keepDims: false });
    expect(graph.outputs.map(({ spec }) => spec)).toEqual([
      { name: 'y', shape: [2], dtype: 'float32' },
      { name: 'x', shape: [2, 3], dtype: 'float32' },
    ]);
    expect(graph.outputs[1]!.value).toBe(graph.inputs[0]!.value);
    expectUntouched();
  });

  it('turns host data into constants, and only what is used', () => {
    const values = new Float32Array([1, 2]);
    const graph = trace(
      programOf({ x: [2] }, ({ x }) => {
        tf.tensor1d([7, 7, 7]);
        return { y: tf.add(x!, tf.tensor1d(values)) };
      }),
    );
    values.fill(0);
    expect([...graph.constants.values()].map(({ data }) => [...data])).toEqual([[1, 2]]);
    expectUntouched();
  });

  it('takes tensors of other backends as constants, and leaves them where they are', () => {
    const weight = tf.tensor1d([3, 4]);
    const graph = trace(programOf({ x: [2] }, ({ x }) => ({ y: tf.mul(x!, tf.add(weight, weight)), z: weight })));
    expect([...graph.constants.values()].map(({ data }) => [...data])).toEqual([[3, 4]]);
    expect([...tf.add(weight, 1).dataSync()]).toEqual([4, 5]);
    expect(tf.backend().refCount(weight.dataId)).toBe(1);
  });

  it('gives comparisons dtype bool, and int32 at the edge', () => {
    const graph = trace(programOf({ x: [2] }, ({ x }) => ({ y: tf.greater(x!, 0) })));
    expect(ops(graph)).toEqual(['Greater', 'Cast']);
    expect(graph.values.get(graph.nodes[0]!.outputs[0]!)?.dtype).toBe('bool');
    expect(graph.outputs[0]!.spec).toEqual({ name: 'y', shape: [2], dtype: 'int32' });
  });

  it('names layers, also in gradients, and lines', () => {
    const net = sequential({
      layers: [layers.dense({ units: 2, inputShape: [3], activation: 'tanh', name: 'hidden' })],
    });
    const graph = trace(
      programOf({ x: [1, 3], kernel: [3, 2], bias: [2] }, ({ x, kernel, bias }) => {
        const gradient = () => tf.grad((v) => tf.sum(net.apply(v) as tf.Tensor))(x!);
        return { y: withVariables(weightsOf(net), [kernel!, bias!], gradient).value };
      }),
    );
    const origins = (op: string) => graph.nodes.filter((node) => node.op === op).map(({ origin }) => origin);
    expect(new Set(origins('Tanh'))).toEqual(new Set([`${net.name}/hidden`]));
    expect(new Set(origins('BatchMatMul'))).toEqual(new Set([`${net.name}/hidden`]));
    expect(origins('Sum')[0]).toMatch(/trace\.test\.ts:\d+:\d+$/);
  });

  it('traces first and second derivatives without leaking', () => {
    const penalty = (x: tf.Tensor, w: tf.Tensor) =>
      tf.sum(tf.square(tf.grad((v) => tf.sum(tf.sigmoid(tf.matMul(v, w))))(x)));
    const graph = trace(programOf({ x: [2, 3], w: [3, 1] }, ({ x, w }) => ({ y: tf.grad((v) => penalty(x!, v))(w!) })));
    expect(graph.outputs[0]!.spec.shape).toEqual([3, 1]);
    expectUntouched();
  });

  it('refuses anything but named tensors', () => {
    const wrong = programOf({ x: [2] }, () => ({ y: 3 }) as unknown as NamedTensors);
    expect(failure(() => trace(wrong)).code).toBe('GANTRY_MODEL_INVALID');
    expect(failure(() => trace(programOf({ x: [2] }, () => ({})))).message).toContain('returned nothing');
    expectUntouched();
  });
});

function adamStep(weight: tf.Variable, x: tf.Tensor): tf.Tensor {
  return tf.train.adam(0.1).minimize(() => tf.sum(tf.mul(weight, x)) as tf.Scalar, true, [weight])!;
}

describe('what cannot be captured', () => {
  it('a kernel without a rule: named with its layer and line', () => {
    const net = sequential({ layers: [layers.upSampling2d({ inputShape: [2, 2, 1], name: 'grow' })] });
    const error = failure(() => trace(programOf({ x: [1, 2, 2, 1] }, ({ x }) => ({ y: net.apply(x!) as tf.Tensor }))));
    expect(error.code).toBe('GANTRY_ENGINE_UNSUPPORTED');
    expect(error.message).toMatch(/kernel ResizeNearestNeighbor in layer ".*\/grow" at .*trace\.test\.ts:\d+:\d+/);
    expect(error.details).toMatchObject({ kernel: 'ResizeNearestNeighbor', program: 'test' });
  });

  it('within a gradient too, leaking nothing', () => {
    const loss = (x: tf.Tensor) => tf.sum(tf.topk(tf.tanh(x), 1).values);
    const error = failure(() => trace(programOf({ x: [2, 3] }, ({ x }) => ({ y: tf.grad(loss)(x!) }))));
    expect(error.details).toMatchObject({ kernel: 'TopK' });
    expectUntouched();
  });

  it('a kernel that no backend knows', () => {
    const run = ({ x }: NamedTensors) => ({ y: tf.engine().runKernel('Nonesuch', { x: x! }) as tf.Tensor });
    const error = failure(() => trace(programOf({ x: [2] }, run)));
    expect(error.message).toMatch(/kernel Nonesuch at .*trace\.test\.ts:\d+:\d+/);
    expectUntouched();
  });

  it('a gradient that nobody wrote', () => {
    const run = ({ x }: NamedTensors) => ({ y: tf.grad((v) => tf.topk(v, 1).values)(x!) });
    const error = failure(() => tf.tidy(() => runProgram(programOf({ x: [2, 2] }, run), { x: tf.ones([2, 2]) })));
    expect(error.code).toBe('GANTRY_ENGINE_UNSUPPORTED');
    expect(error.message).toMatch(/the gradient of kernel TopK at .*trace\.test\.ts:\d+/);
  });

  it.each<[string, (x: tf.Tensor) => tf.Tensor]>([
    ['dataSync', (x) => (x.dataSync()[0]! > 0 ? x : tf.neg(x))],
    ['array', (x) => tf.tensor(x.arraySync())],
  ])('%s of a value', (_, run) => {
    const error = failure(() => trace(programOf({ x: [2] }, ({ x }) => ({ y: run(x!) }))));
    expect(error.code).toBe('GANTRY_ENGINE_UNSUPPORTED');
    expect(error.message).toMatch(/reading a tensor .* at .*trace\.test\.ts/);
    expectUntouched();
  });

  it.each<[string, (x: tf.Tensor) => tf.Tensor]>([
    ['Math.random', (x) => tf.mul(x, Math.random())],
    ['tf.randomNormal', (x) => tf.add(x, tf.randomNormal([2]))],
    ['tf.randomUniform with a seed', (x) => tf.add(x, tf.randomUniform([2], 0, 1, 'float32', 7))],
    ['tf.dropout', (x) => tf.dropout(x, 0.5)],
    ['tf.multinomial', (x) => tf.multinomial(x as tf.Tensor1D, 3)],
  ])('randomness: %s', (_, run) => {
    const random = Math.random;
    const error = failure(() => trace(programOf({ x: [2] }, ({ x }) => ({ y: run(x!) }))));
    expect(error.code).toBe('GANTRY_ENGINE_UNSUPPORTED');
    expect(error.message).toContain('an input of the program');
    expect(Math.random).toBe(random);
    expectUntouched();
  });

  it('a variable that the program changes: it keeps its value', () => {
    const counter = tf.variable(tf.scalar(5));
    tensorsBefore = tf.memory().numTensors;
    const run = ({ x }: NamedTensors) => {
      counter.assign(tf.sum(x!) as tf.Scalar);
      return { y: x! };
    };
    expect(failure(() => trace(programOf({ x: [2] }, run))).message).toContain(`variable "${counter.name}"`);
    expect(counter.dataSync()[0]).toBe(5);
    expectUntouched();
    counter.dispose();
  });

  it('a variable that is no input: its value would be frozen', () => {
    const weight = tf.variable(tf.tensor1d([1, 2]));
    tensorsBefore = tf.memory().numTensors;
    const error = failure(() => trace(programOf({ x: [2] }, ({ x }) => ({ y: tf.mul(x!, weight) }))));
    expect(error.code).toBe('GANTRY_ENGINE_UNSUPPORTED');
    expect(error.message).toMatch(/variable "\d+", which is no input, at .*trace\.test\.ts.* withVariables/);
    expectUntouched();
    weight.dispose();
  });

  const makers: [string, (x: tf.Tensor) => tf.Tensor][] = [
    ['creates a variable', (x) => tf.mul(tf.variable(x), 2)],
    ['takes a step of an optimizer', (x) => adamStep(tf.variable(tf.tensor1d([1, 2])), x)],
    ['fails after it created a variable', (x) => tf.add(tf.variable(x), tf.zeros([5]))],
  ];
  it.each(makers)('a program that %s: no later one suffers', (what, run) => {
    const program = programOf({ x: [2] }, ({ x }) => ({ y: run(x!) }));
    const variables = Object.keys(tf.engine().registeredVariables);
    if (what.startsWith('fails')) expect(() => trace(program)).toThrow(/could not be broadcast/);
    else expect(failure(() => trace(program)).message).toMatch(/creates the variable ".+".* outside of it/);
    expect(Object.keys(tf.engine().registeredVariables)).toEqual(variables);
    expectUntouched();
    expect(ops(trace(programOf({ x: [2] }, ({ x }) => ({ y: tf.neg(x!) }))))).toEqual(['Neg']);
  });

  it('but a variable that it disposes of itself is no harm', () => {
    const run = ({ x }: NamedTensors) => {
      const local = tf.variable(tf.neg(x!));
      const y = tf.exp(local);
      local.dispose();
      return { y };
    };
    expect(ops(trace(programOf({ x: [2] }, run)))).toEqual(['Neg', 'Exp']);
    expectUntouched();
  });

  it.each<[string, (flags: tf.Tensor) => tf.Tensor]>([
    ['Neg', tf.neg],
    ['Abs', tf.abs],
    ['Square', tf.square],
    ['Relu', tf.relu],
    ['ArgMax', (flags) => tf.argMax(flags)],
    ['Cumsum', (flags) => tf.cumsum(flags)],
    ['Max', (flags) => tf.max(flags)],
  ])('%s of bools, by its name and line', (kernel, run) => {
    const program = programOf({ x: [2] }, ({ x }) => ({ y: run(tf.greater(x!, 0)) }));
    const error = failure(() => trace(program));
    expect(error.code).toBe('GANTRY_ENGINE_UNSUPPORTED');
    expect(error.message).toMatch(new RegExp(`kernel ${kernel} at .*trace\\.test\\.ts.* cannot calculate with bool`));
    expectUntouched();
  });

  it('a gather in batches', () => {
    const places = tf.tensor2d([0, 1], [2, 1], 'int32');
    tensorsBefore = tf.memory().numTensors;
    const program = programOf({ x: [2, 3] }, ({ x }) => ({ y: tf.gather(x!, places, 1, 1) }));
    expect(failure(() => trace(program)).message).toMatch(/kernel GatherV2 at .*trace\.test\.ts.* batchDims 1/);
    places.dispose();
  });

  it("the user's own errors come through as they are", () => {
    const run = ({ x }: NamedTensors) => ({ y: tf.add(x!, tf.zeros([5])) });
    expect(() => trace(programOf({ x: [2, 3] }, run))).toThrow(/could not be broadcast/);
    expectUntouched();
  });

  it('a trace within a trace', () => {
    const inner = programOf({ x: [2] }, ({ x }) => ({ y: x! }));
    const outer = programOf({ x: [2] }, ({ x }) => ({ y: trace(inner).nodes.length > 0 ? x! : x! }));
    expect(failure(() => trace(outer)).code).toBe('GANTRY_ENGINE_UNSUPPORTED');
    expectUntouched();
  });
});

const weightsOf = (net: { readonly weights: { read(): tf.Tensor }[] }) =>
  net.weights.map((w) => w.read() as tf.Variable);

describe('withVariables', () => {
  it('makes the weights of a model inputs of a program, and gives it its own back', () => {
    const x = layerInput({ shape: [3] });
    const net = functionalModel({ inputs: x, outputs: layers.dense({ units: 1 }).apply(x) as SymbolicTensor });
    const variables = weightsOf(net);
    const before = variables.map((variable) => [...variable.dataSync()]);
    tensorsBefore = tf.memory().numTensors;
    const program = programOf({ x: [2, 3], kernel: [3, 1], bias: [1] }, ({ x, kernel, bias }) => {
      const loss = () => tf.mean(tf.softplus(net.apply(x!) as tf.Tensor)) as tf.Scalar;
      const { value } = withVariables(variables, [kernel!, bias!], () => tf.variableGrads(loss, variables));
      return { loss: value.value, kernel: value.grads[variables[0]!.name]!, bias: value.grads[variables[1]!.name]! };
    });
    const graph = trace(program);
    expect(graph.outputs.map(({ spec }) => spec.shape)).toEqual([[], [3, 1], [1]]);
    // Were a weight not an input, it would be a constant of its shape.
    expect([...graph.constants.values()].filter(({ value }) => value.shape.join() === '3,1')).toEqual([]);
    expectUntouched();
    expect(variables.map((variable) => [...variable.dataSync()])).toEqual(before);
  });

  it('returns what was assigned inside, eager and captured', () => {
    const mean = tf.variable(tf.tensor1d([1, 1]), false);
    const other = tf.variable(tf.scalar(3));
    tensorsBefore = tf.memory().numTensors;
    const program = programOf({ x: [2], mean: [2], other: [] }, (inputs) => {
      const { value, assigned } = withVariables([mean, other], [inputs.mean!, inputs.other!], () => {
        mean.assign(tf.add(tf.mul(mean, 0.5), tf.mul(inputs.x!, other)) as tf.Tensor1D);
        return tf.sum(mean);
      });
      expect(assigned[1]).toBeNull();
      return { sum: value, mean: assigned[0]! };
    });
    const eager = tf.tidy(() => {
      const outputs = program.run({ x: tf.tensor1d([1, 2]), mean: tf.tensor1d([10, 20]), other: tf.scalar(2) });
      return [[...outputs.mean!.dataSync()], outputs.sum!.dataSync()[0]];
    });
    expect(eager).toEqual([[7, 14], 21]);
    expectUntouched();
    expect(trace(program).outputs.map(({ spec }) => spec.shape)).toEqual([[], [2]]);
    expectUntouched();
    expect([...mean.dataSync()]).toEqual([1, 1]);
    tf.dispose([mean, other]);
  });

  it('gives the values back when fn throws', () => {
    const variable = tf.variable(tf.scalar(4));
    const replacement = tf.scalar(9);
    const fn = () => {
      throw new Error('stop');
    };
    expect(() => withVariables([variable], [replacement], fn)).toThrow('stop');
    expect([variable.dataSync()[0], replacement.dataSync()[0]]).toEqual([4, 9]);
  });

  it('refuses other shapes and numbers of tensors', () => {
    const variable = tf.variable(tf.scalar(4));
    const wrong = () => withVariables([variable], [tf.tensor1d([1])], () => 0);
    expect(failure(wrong)).toMatchObject({ code: 'GANTRY_MODEL_INVALID', details: { variable: variable.name } });
    expect(failure(() => withVariables([variable], [], () => 0)).code).toBe('GANTRY_MODEL_INVALID');
  });
});
