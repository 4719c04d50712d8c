import { GantryError } from '@gantry/common';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { createEngine } from '../create-engine.js';
import type { NamedTensors, Program } from '../program.js';
import { createEagerEngine } from './eager.js';
import { checkSharedCore } from './eager-backend.js';

const engine = await createEagerEngine('js');
afterAll(() => engine.dispose());

/** y = x · w, count = Σ (ids > 1), and x itself. */
const program: Program = {
  name: 'test',
  inputs: [
    { name: 'x', shape: [2, 2], dtype: 'float32' },
    { name: 'ids', shape: [3], dtype: 'int32' },
  ],
  run: ({ x, ids }) => ({
    y: tf.matMul(x!, tf.tensor2d([1, 2, 3, 4], [2, 2])),
    mask: tf.greater(ids!, 1),
    count: tf.sum(tf.cast(tf.greater(ids!, 1), 'int32')),
    x: x!,
  }),
};

async function rejection(promise: Promise<unknown>): Promise<GantryError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GantryError);
  return error as GantryError;
}

function failure(fn: () => unknown): GantryError {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(GantryError);
    return error as GantryError;
  }
  throw new Error('it did not throw');
}

const inputs = () => ({ x: new Float32Array([1, 0, 0, 1]), ids: new Int32Array([1, 2, 3]) });

describe('an eager engine', () => {
  it('says what it puts out, in the order of the program', async () => {
    const { outputs, inputs } = await engine.compile(program);
    expect(inputs).toBe(program.inputs);
    expect(outputs).toEqual([
      { name: 'y', shape: [2, 2], dtype: 'float32' },
      { name: 'mask', shape: [3], dtype: 'int32' },
      { name: 'count', shape: [], dtype: 'int32' },
      { name: 'x', shape: [2, 2], dtype: 'float32' },
    ]);
  });

  it('reads the bound arrays anew in each run, and writes in place', async () => {
    const given = inputs();
    const bound = { y: new Float32Array(4), count: new Int32Array(1), mask: new Int32Array(3) };
    const executable = (await engine.compile(program)).bind(given, bound);
    expect(executable.run()).toBeUndefined();
    expect([...bound.y, ...bound.count, ...bound.mask]).toEqual([1, 2, 3, 4, 2, 0, 1, 1]);
    given.x.fill(1);
    given.ids.fill(0);
    executable.run();
    expect([...bound.y, ...bound.count, ...bound.mask]).toEqual([4, 6, 4, 6, 0, 0, 0, 0]);
  });

  it('lets an output share memory with an input', async () => {
    const x = new Float32Array([1, 2]);
    const run = ({ x }: NamedTensors) => ({ doubled: tf.mul(x!, 2), x: x! });
    const double: Program = { name: 'double', inputs: [{ name: 'x', shape: [2], dtype: 'float32' }], run };
    const copy = new Float32Array(2);
    (await engine.compile(double)).bind({ x }, { doubled: x, x: copy }).run();
    expect([...x, ...copy]).toEqual([2, 4, 1, 2]);
  });

  it('leaks no tensors, and leaves the active backend alone', async () => {
    const bound = (await engine.compile(program)).bind(inputs(), { y: new Float32Array(4) });
    const before = tf.memory().numTensors;
    for (let i = 0; i < 10; i++) bound.run();
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.getBackend()).toBe('cpu');
  });

  it('hashes content', async () => {
    const scaled = (factor: number): Program => ({
      name: 'scaled',
      inputs: [{ name: 'x', shape: [2], dtype: 'float32' }],
      run: ({ x }) => ({ y: tf.mul(x!, factor) }),
    });
    const hash = async (p: Program) => (await engine.compile(p)).hash;
    expect(await hash(scaled(2))).toBe(await hash(scaled(2)));
    expect(await hash(scaled(2))).not.toBe(await hash(scaled(3)));
  });

  it.each<[string, (x: tf.Tensor) => tf.Tensor]>([
    ['random numbers', (x) => tf.add(x, tf.randomUniform([2]))],
    ['a tensor that it reads', (x) => tf.mul(x, x.dataSync()[0]!)],
    ['a variable that it creates', (x) => tf.mul(x, tf.variable(x))],
  ])('refuses a program with %s: its hash would not say what it computes', async (_, run) => {
    const inputs = [{ name: 'x', shape: [2], dtype: 'float32' }] as const;
    const error = await rejection(engine.compile({ name: 'impure', inputs, run: ({ x }) => ({ y: run(x!) }) }));
    expect(error.code).toBe('GANTRY_ENGINE_UNSUPPORTED');
  });

  it('runs a kernel that cannot be captured', async () => {
    const run = ({ x }: NamedTensors) => ({ y: tf.cumsum(x!) });
    const inputs = [{ name: 'x', shape: [3], dtype: 'float32' }] as const;
    const executable = await engine.compile({ name: 'cumsum', inputs, run });
    const y = new Float32Array(3);
    executable.bind({ x: Float32Array.of(1, 2, 3) }, { y }).run();
    expect([...y]).toEqual([1, 3, 6]);
    expect(executable.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('refuses arrays that do not fit', async () => {
    const executable = await engine.compile(program);
    const { x, ids } = inputs();
    expect(failure(() => executable.bind({ x }, {})).message).toContain('input "ids" is not bound');
    expect(failure(() => executable.bind({ x, ids: new Int32Array(2) }, {})).message).toContain('int32[3]: 3 numbers');
    expect(failure(() => executable.bind({ x, ids: new Float32Array(3) }, {})).message).toContain('Float32Array');
    expect(failure(() => executable.bind({ x, ids }, { z: x })).message).toContain('no output "z"');
    expect(failure(() => executable.bind({ x, ids }, { y: new Float32Array(3) })).message).toContain('output "y"');
  });

  it('names a kernel that its backend does not have', async () => {
    const run = ({ x }: NamedTensors) => ({ y: tf.engine().runKernel('Nonesuch', { x: x! }) as tf.Tensor });
    const wrong: Program = { name: 'wrong', inputs: [{ name: 'x', shape: [2], dtype: 'float32' }], run };
    const error = await rejection(engine.compile(wrong));
    expect(error.code).toBe('GANTRY_ENGINE_UNSUPPORTED');
    expect(error.message).toMatch(/kernel Nonesuch at .*eager\.test\.ts:\d+/);
  });
});

/** These packages download libtensorflow at install, and are optional for that reason. */
const isInstalled = async (name: string) => {
  const module: unknown = await import(name).catch(() => null);
  return module !== null;
};

describe('createEngine', () => {
  it.each([
    ['tensorflow', '@tensorflow/tfjs-node'],
    ['tensorflow-gpu', '@tensorflow/tfjs-node-gpu'],
  ] as const)('%s without its package says how to install it', async (name, packageName) => {
    if (await isInstalled(packageName)) return;
    const error = await rejection(createEngine({ engine: name, device: 'auto', threads: 1 }));
    expect(error.code).toBe('GANTRY_ENGINE_MISSING');
    expect(error.message).toContain(`npm install --no-save --ignore-scripts=false ${packageName}@${tf.version_core}`);
  });

  it('refuses devices that an eager engine does not run on', async () => {
    const error = await rejection(createEngine({ engine: 'js', device: 'cuda:0', threads: 1 }));
    expect(error.code).toBe('GANTRY_DEVICE_UNAVAILABLE');
  });

  it('explains a package with a tfjs-core of its own', () => {
    class Tensor {}
    const error = failure(() => checkSharedCore('@tensorflow/tfjs-node', { Tensor, version_core: '4.0.0' }));
    expect(error.code).toBe('GANTRY_ENGINE_FAILED');
    expect(error.message).toMatch(/4\.0\.0.*npm install --no-save --ignore-scripts=false @tensorflow\/tfjs-node@4/);
    expect(() => checkSharedCore('@tensorflow/tfjs-node', { Tensor: tf.Tensor })).not.toThrow();
  });
});
