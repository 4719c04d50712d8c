import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CPU_BACKEND } from './engines/cpu-backend.js';
// From the index, which loads tfjs-layers first: loading it puts tfjs's own gradients back in their place.
import { createEngine, installGradients } from './index.js';
import type { Engine, NamedTensors, Program, TensorSpec } from './program.js';
import { seededUniform } from './testing/kernel-sample.js';

/*
 * Kernels are compared with the oracle one by one elsewhere; rewriting rules meet only in compositions of them. Programs of a
 * few operations are drawn with their shapes, in which one is frequent (a rule mostly goes wrong where an axis, a tensor or a
 * batch has one element), and compared in their values and their gradients, and some in the gradients of their gradients.
 */

/** Another seed draws other programs; the default keeps runs alike. */
const SEED = Number(process.env.GANTRY_TEST_SEED ?? 20_240_229);
const PROGRAMS = 250;
/** Second derivatives are long programs, and take their time to capture. */
const SECOND_EVERY = 10;
/** Programs to a test: a report names few enough to look at. */
const GROUP = 25;
const SIZES = [1, 1, 1, 2, 3];
const SCALARS = [2, -1, 0.5, 1, 0, -3] as const;
const OPERATIONS_MAX = 7;
const RANK_MAX = 4;
/** Relative to the largest element: seven operations and two gradients of them, in float32. */
const TOLERANCE = 1e-4;
/** Sums cancel; what is below this is compared as if it were this large. */
const SCALE_MIN = 0.1;

/** Draws one program's operations: equal seeds, equal programs, however often one is run. */
class Draw {
  readonly #uniform: () => number;

  constructor(seed: number) {
    this.#uniform = seededUniform(seed * 7919);
    // The first numbers of neighbouring seeds resemble one another.
    for (let i = 0; i < 8; i++) this.#uniform();
  }

  between(low: number, high: number): number {
    return low + Math.floor(this.#uniform() * (high - low + 1));
  }

  flag(): boolean {
    return this.#uniform() < 0.5;
  }

  of<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)]!;
  }

  shape(rankMax = 3): number[] {
    return Array.from({ length: this.between(0, rankMax) }, () => this.of(SIZES));
  }

  values(length: number): Float32Array {
    return Float32Array.from({ length }, () => this.#uniform() * 2 - 1);
  }

  order(length: number): number[] {
    const left = Array.from({ length }, (_, axis) => axis);
    return Array.from({ length }, () => left.splice(this.between(0, left.length - 1), 1)[0]!);
  }
}

/** An operation on a tensor, and on another one of the program where it takes two; undefined where they do not fit. */
type Operation = (draw: Draw, x: tf.Tensor, other: tf.Tensor) => tf.Tensor | undefined;

function broadcasts(a: readonly number[], b: readonly number[]): boolean {
  const rank = Math.min(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => [a.at(-1 - i)!, b.at(-1 - i)!]).every(
    ([m, n]) => m === n || m === 1 || n === 1,
  );
}

/** A shape of the same elements: an axis of one more or less, two axes merged, or all of them. */
function reshaped(draw: Draw, shape: readonly number[]): number[] {
  const place = draw.between(0, shape.length);
  const merged = shape.length < 2 ? [...shape] : [shape[0]! * shape[1]!, ...shape.slice(2)];
  return draw.of([
    shape.length < RANK_MAX ? [...shape.slice(0, place), 1, ...shape.slice(place)] : merged,
    shape.filter((size) => size !== 1),
    merged,
    [shape.reduce((product, size) => product * size, 1)],
  ]);
}

const BINARY = [tf.add, tf.sub, tf.mul, tf.squaredDifference, tf.maximum] as const;
const UNARY = [tf.tanh, tf.sigmoid, tf.softplus, tf.neg, tf.square, tf.relu, tf.abs, tf.exp] as const;
const REDUCTIONS = [tf.sum, tf.mean, tf.max] as const;

const unary: Operation = (draw, x) => draw.of(UNARY)(x);
const scalar: Operation = (draw, x) => {
  const [operation, value] = [draw.of([tf.add, tf.sub, tf.mul] as const), draw.of(SCALARS)];
  return draw.flag() ? operation(x, value) : operation(value, x);
};
const quotient: Operation = (draw, x) => tf.div(x, draw.of([2, 3, -4]));
const filled: Operation = (draw, x) => draw.of([tf.add, tf.mul])(x, tf.fill(x.shape, draw.of(SCALARS)));
const binary: Operation = (draw, x, other) =>
  broadcasts(x.shape, other.shape) ? draw.of(BINARY)(x, other) : undefined;
const view: Operation = (draw, x) => tf.reshape(x, reshaped(draw, x.shape));
const transpose: Operation = (draw, x) => tf.transpose(x, draw.order(x.rank));
const reduction: Operation = (draw, x) => {
  const axes = x.shape.flatMap((_, axis) => (draw.flag() ? [axis] : []));
  return draw.of(REDUCTIONS)(x, axes.length === 0 ? undefined : axes, draw.flag());
};
const spread: Operation = (draw, x) => {
  const shape = x.shape.map((size) => (size === 1 ? draw.of([1, 2]) : size));
  return tf.broadcastTo(x, draw.flag() && x.rank < RANK_MAX ? [draw.of([1, 2]), ...shape] : shape);
};
const product: Operation = (draw, x, other) => {
  if (x.rank !== 2 || other.rank !== 2) return undefined;
  const [transposeA, transposeB] = [draw.flag(), draw.flag()];
  const fits = x.shape[transposeA ? 0 : 1] === other.shape[transposeB ? 1 : 0];
  return fits ? tf.matMul(x, other, transposeA, transposeB) : undefined;
};
const ownProduct: Operation = (draw, x) =>
  x.rank === 2 ? (draw.flag() ? tf.matMul(x, x, true) : tf.matMul(x, x, false, true)) : undefined;
const joined: Operation = (draw, x) => (x.rank === 0 ? undefined : tf.concat([x, x], draw.between(0, x.rank - 1)));
const part: Operation = (_, x) =>
  x.rank === 0 ? undefined : tf.slice(x, Array(x.rank).fill(0), [1, ...x.shape.slice(1)]);

const OPERATIONS: readonly Operation[] = [
  ...[unary, unary, scalar, scalar, filled, quotient, binary, binary, binary, view, view, view, transpose],
  ...[reduction, reduction, spread, product, product, ownProduct, joined, part],
];

/** Applies drawn operations to drawn tensors of those that there are; the last result is the program's. */
function compose(draw: Draw, inputs: readonly tf.Tensor[]): tf.Tensor {
  const tensors = [...inputs];
  const count = draw.between(2, OPERATIONS_MAX);
  for (let made = 0; made < count; ) {
    // The newest is taken often, so that chains grow long.
    const x = draw.flag() ? tensors.at(-1)! : draw.of(tensors);
    const result = draw.of(OPERATIONS)(draw, x, draw.of(tensors));
    if (result === undefined) continue;
    tensors.push(result);
    made++;
  }
  return tensors.at(-1)!;
}

/** The value of a composition, its gradients, and those of the gradients' squared length (as R1 takes them). */
function programOf(seed: number): Program {
  const draw = new Draw(seed);
  const inputs = Array.from(
    { length: draw.between(1, 3) },
    (_, i): TensorSpec => ({ name: `x${i}`, shape: draw.shape(), dtype: 'float32' }),
  );
  const f = (...xs: tf.Tensor[]) => compose(new Draw(seed + 1), xs);
  const squares = (tensors: tf.Tensor[]) => tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor))));
  // With every input in it, whatever was drawn: tfjs refuses the gradient of what does not depend on its input.
  const objective = (...xs: tf.Tensor[]) => tf.add(tf.sum(tf.tanh(f(...xs))), squares(xs));
  const gradients = (xs: tf.Tensor[]) => tf.grads(objective)(xs);
  const seconds = (xs: tf.Tensor[]) => tf.grads((...at: tf.Tensor[]) => squares(gradients(at)))(xs);
  const run = (named: NamedTensors): NamedTensors => {
    const xs = inputs.map(({ name }) => named[name]!);
    return {
      y: f(...xs),
      ...numbered('gradient', gradients(xs)),
      ...(seed % SECOND_EVERY === 0 && numbered('second', seconds(xs))),
    };
  };
  return { name: `program ${seed}`, inputs, run };
}

function numbered(name: string, tensors: readonly tf.Tensor[]): NamedTensors {
  return Object.fromEntries(tensors.map((tensor, i) => [`${name}${i}`, tensor]));
}

const lengthOf = ({ shape }: TensorSpec) => shape.reduce((product, size) => product * size, 1);

type Arrays = Readonly<Record<string, Float32Array>>;

async function captured(engine: Engine, program: Program, inputs: Arrays): Promise<Arrays> {
  const executable = await engine.compile(program);
  const outputs = Object.fromEntries(
    executable.outputs.map((spec) => [spec.name, new Float32Array(lengthOf(spec))] as const),
  );
  await executable.bind(inputs, outputs).run();
  executable.dispose();
  return outputs;
}

/** On tfjs's own backend. The js engine would give the same, but captures a program as well, for its hash. */
function oracle(program: Program, inputs: Arrays): Arrays {
  return tf.tidy(() => {
    const tensors = program.inputs.map(({ name, shape }) => [name, tf.tensor(inputs[name]!, [...shape])] as const);
    const outputs = Object.entries(program.run(Object.fromEntries(tensors)));
    return Object.fromEntries(outputs.map(([name, value]) => [name, value.dataSync() as Float32Array]));
  });
}

function relativeError(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), SCALE_MIN);
  return actual.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!) / scale), 0);
}

let engine: Engine;
beforeAll(async () => {
  await tf.setBackend(CPU_BACKEND);
  installGradients();
  engine = await createEngine({ engine: 'onnx', device: 'cpu', threads: 1 });
});
afterAll(() => engine.dispose());

/** What is wrong with a program, in words. */
async function differences(seed: number): Promise<string[]> {
  const program = programOf(seed);
  const draw = new Draw(seed + 2);
  const inputs = Object.fromEntries(program.inputs.map((spec) => [spec.name, draw.values(lengthOf(spec))]));
  try {
    const expected = oracle(program, inputs);
    const actual = await captured(engine, program, inputs);
    return Object.entries(expected).flatMap(([name, values]) => {
      const error = relativeError(actual[name]!, values);
      return error < TOLERANCE ? [] : [`${program.name} ${name}: ${actual[name]} instead of ${values}`];
    });
  } catch (error) {
    return [`${program.name}: ${error instanceof Error ? error.message : error}`];
  }
}

it.each(Array.from({ length: PROGRAMS / GROUP }, (_, group) => [group]))(
  `random programs compute what the oracle does (group %i), GANTRY_TEST_SEED=${SEED}`,
  async (group) => {
    const found: string[] = [];
    for (let i = 0; i < GROUP; i++) found.push(...(await differences(SEED + group * GROUP + i)));
    expect(found).toEqual([]);
  },
);
