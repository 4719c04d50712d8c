import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, ValueId } from '../graph/graph.js';
import type { OnnxExecutable } from './onnx-executable.js';
import { createOnnxEngine, type OnnxEngine } from './onnx-runtime.js';

/** The built code: a process of its own cannot run TypeScript. */
const DIST = new URL('../../dist', import.meta.url).href;
const VECTOR = { shape: [4], dtype: 'float32' } as const;
let engine: OnnxEngine;

beforeAll(async () => {
  const trace = () => {
    throw new Error('these tests compile graphs');
  };
  engine = await createOnnxEngine({ trace }, { device: 'cpu', threads: 1 });
});
afterAll(() => engine.dispose());

interface GraphMaker {
  input(name: string): ValueId;
  node(op: string, ...inputs: ValueId[]): ValueId;
  output(name: string, id: ValueId): void;
}

function vectors(make: (g: GraphMaker) => void): Graph {
  const builder = new GraphBuilder('vectors');
  make({
    input: (name) => builder.input({ name, ...VECTOR }),
    node: (op, ...inputs) => builder.node(op, inputs, {}, [VECTOR])[0]!,
    output: (name, id) => builder.output({ name, ...VECTOR }, id),
  });
  return builder.build();
}

/** m' = m + g, p' = p − m'. */
const momentum = vectors((g) => {
  const [p, m, grad] = [g.input('p'), g.input('m'), g.input('g')];
  const next = g.node('Add', m, grad);
  g.output('m', next);
  g.output('p', g.node('Sub', p, next));
});

const of = (...values: number[]) => Float32Array.from(values);

describe('bind and run', () => {
  let executable: OnnxExecutable;
  beforeAll(async () => {
    executable = await engine.compileGraph(momentum);
  });

  it('writes into the caller’s views, reads them again each run, and is synchronous', () => {
    const flat = new Float32Array(64);
    const [p, m, g, p2, m2] = [0, 1, 2, 3, 4].map((k) => flat.subarray(k * 12 + 1, k * 12 + 5));
    p!.set([10, 10, 10, 10]);
    g!.set([1, 2, 3, 4]);
    const bound = executable.bind({ p: p!, m: m!, g: g! }, { p: p2!, m: m2! });
    expect(bound.run()).toBeUndefined();
    expect([...m2!, ...p2!]).toEqual([1, 2, 3, 4, 9, 8, 7, 6]);
    m!.fill(100);
    bound.run();
    expect([...m2!, ...p2!]).toEqual([101, 102, 103, 104, -91, -92, -93, -94]);
    expect(flat.reduce((sum, value) => sum + value, 0)).toBe(40 + 400 + 10 + 410 - 370);
  });

  it('updates in place where an output shares an input’s memory', () => {
    const [p, m] = [of(10, 10, 10, 10), of(0, 0, 0, 0)];
    const bound = executable.bind({ p, m, g: of(1, 2, 3, 4) }, { p, m });
    bound.run();
    bound.run();
    expect([...m]).toEqual([2, 4, 6, 8]);
    expect([...p]).toEqual([7, 4, 1, -2]);
  });

  it('computes only the outputs that are bound', () => {
    const m = of(0, 0, 0, 0);
    executable.bind({ p: of(0, 0, 0, 0), m: of(1, 1, 1, 1), g: of(1, 2, 3, 4) }, { m }).run();
    expect([...m]).toEqual([2, 3, 4, 5]);
  });

  it.each<[string, Record<string, Float32Array>, Record<string, Float32Array | Int32Array>, RegExp]>([
    ['a missing input', { p: of(0, 0, 0, 0), m: of(0, 0, 0, 0) }, { m: of(0, 0, 0, 0) }, /input g is not bound/],
    ['a wrong length', { p: of(0), m: of(0), g: of(0) }, { m: of(0) }, /input p needs 4 elements .* has 1/],
    ['an unknown output', {}, { moment: of(0) }, /has no output moment; it has m, p/],
    [
      'a wrong type',
      { p: of(0, 0, 0, 0), m: of(0, 0, 0, 0), g: of(0, 0, 0, 0) },
      { m: new Int32Array(4) },
      /must be a Float32Array/,
    ],
    ['no output at all', { p: of(0, 0, 0, 0), m: of(0, 0, 0, 0), g: of(0, 0, 0, 0) }, {}, /no output is bound/],
    [
      'shared memory',
      { p: new Float32Array(new SharedArrayBuffer(16)), m: of(0), g: of(0) },
      { m: of(0) },
      /SharedArrayBuffer/,
    ],
  ])('refuses %s', (_, inputs, outputs, message) => {
    expect(() => executable.bind(inputs, outputs)).toThrow(
      expect.objectContaining({ code: 'GANTRY_ENGINE_FAILED', message: expect.stringMatching(message) }),
    );
  });

  it('refuses outputs that overlap', () => {
    const flat = new Float32Array(6);
    const inputs = { p: of(0, 0, 0, 0), m: of(0, 0, 0, 0), g: of(0, 0, 0, 0) };
    const outputs = { p: flat.subarray(0, 4), m: flat.subarray(2) };
    expect(() => executable.bind(inputs, outputs)).toThrow(/outputs m and p share memory/);
  });
});

describe('edges that are not computed', () => {
  it('copies inputs, constants, views and repeated outputs into the bound arrays', async () => {
    const builder = new GraphBuilder('edges');
    const x = builder.input({ name: 'x', ...VECTOR });
    const c = builder.constant('float32', [4], of(1, 2, 3, 4));
    const [view] = builder.node('Reshape', [x], { shape: [2, 2] }, [{ shape: [2, 2], dtype: 'float32' }]);
    const [exp] = builder.node('Neg', [x], {}, [VECTOR]);
    for (const [name, id] of [
      ['x', x],
      ['again', x],
      ['c', c],
      ['exp', exp!],
      ['exp2', exp!],
    ] as const) {
      builder.output({ name, ...VECTOR }, id);
    }
    builder.output({ name: 'view', shape: [2, 2], dtype: 'float32' }, view!);
    const executable = await engine.compileGraph(builder.build());
    const outputs = Object.fromEntries(executable.outputs.map(({ name }) => [name, new Float32Array(4)]));
    executable.bind({ x: of(5, 6, 7, 8) }, outputs).run();
    for (const name of ['x', 'again', 'view']) expect([...outputs[name]!]).toEqual([5, 6, 7, 8]);
    for (const name of ['exp', 'exp2']) expect([...outputs[name]!]).toEqual([-5, -6, -7, -8]);
    expect([...outputs.c!]).toEqual([1, 2, 3, 4]);
  });

  it('takes int32 and scalars', async () => {
    const builder = new GraphBuilder('ints');
    const i = builder.input({ name: 'i', shape: [3], dtype: 'int32' });
    const s = builder.input({ name: 's', shape: [], dtype: 'int32' });
    const [greater] = builder.node('Greater', [i, s], {}, [{ shape: [3], dtype: 'bool' }]);
    const [sum] = builder.node('Add', [i, s], {}, [{ shape: [3], dtype: 'int32' }]);
    builder.output({ name: 'greater', shape: [3], dtype: 'int32' }, greater!);
    builder.output({ name: 'sum', shape: [3], dtype: 'int32' }, sum!);
    const executable = await engine.compileGraph(builder.build());
    const outputs = { greater: new Int32Array(3), sum: new Int32Array(3) };
    executable.bind({ i: Int32Array.of(1, 2, 3), s: Int32Array.of(2) }, outputs).run();
    expect([...outputs.greater, ...outputs.sum]).toEqual([0, 0, 1, 3, 4, 5]);
  });
});

describe('an output over an input that is still needed', () => {
  it('is computed elsewhere and copied', async () => {
    // a' = a + b is written before e^a · a' reads a.
    const graph = vectors((g) => {
      const [a, b] = [g.input('a'), g.input('b')];
      const next = g.node('Add', a, b);
      g.output('a', next);
      g.output('late', g.node('Multiply', g.node('Sub', next, b), g.node('Multiply', next, a)));
    });
    const executable = await engine.compileGraph(graph);
    const [a, late] = [of(1, 2, 3, 4), new Float32Array(4)];
    executable.bind({ a, b: of(1, 1, 1, 1) }, { a, late }).run();
    expect([...a]).toEqual([2, 3, 4, 5]);
    expect([...late]).toEqual([2, 12, 36, 80]);
  });

  it('is copied too where the runtime fuses what reads the input twice', async () => {
    // x · σ(1.702 x) is a QuickGelu, which writes σ before it reads x again.
    const builder = new GraphBuilder('gelu');
    const x = builder.input({ name: 'x', ...VECTOR });
    const factor = builder.constant('float32', [], of(1.702));
    const [scaled] = builder.node('Multiply', [x, factor], {}, [VECTOR]);
    const [gate] = builder.node('Sigmoid', [scaled!], {}, [VECTOR]);
    builder.output({ name: 'y', ...VECTOR }, builder.node('Multiply', [x, gate!], {}, [VECTOR])[0]!);
    const executable = await engine.compileGraph(builder.build());
    const memory = of(-2, -0.5, 1, 3);
    const expected = [...memory].map((value) => value / (1 + Math.exp(-1.702 * value)));
    executable.bind({ x: memory }, { y: memory }).run();
    expected.forEach((value, i) => {
      expect(memory[i]).toBeCloseTo(value, 5);
    });
  });

  it('is copied too where it is shifted against the input', async () => {
    const graph = vectors((g) => g.output('y', g.node('Neg', g.input('x'))));
    const executable = await engine.compileGraph(graph);
    const flat = of(1, 2, 3, 4, 0, 0);
    executable.bind({ x: flat.subarray(0, 4) }, { y: flat.subarray(1, 5) }).run();
    expect([...flat]).toEqual([1, -1, -2, -3, -4, 0]);
  });
});

describe('the program cache', () => {
  it('gives equal programs one hash and one session, and others another', async () => {
    const make = (op: string) => vectors((g) => g.output('y', g.node(op, g.input('x'))));
    const [first, second, other] = await Promise.all(
      ['Sqrt', 'Sqrt', 'Exp'].map((op) => engine.compileGraph(make(op))),
    );
    expect(first!.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(second!.hash).toBe(first!.hash);
    expect(other!.hash).not.toBe(first!.hash);
    first!.dispose();
    const stale = other!.bind({ x: of(1, 4, 9, 16) }, { y: new Float32Array(4) });
    other!.dispose();
    expect(() => stale.run()).toThrow(/disposed/);
    const y = new Float32Array(4);
    second!.bind({ x: of(1, 4, 9, 16) }, { y }).run();
    expect([...y]).toEqual([1, 2, 3, 4]);
  });
});

it('survives the garbage collector in a process that has nothing else of the runtime loaded', () => {
  const script = `
    import { GraphBuilder } from '${DIST}/graph/builder.js';
    import { createOnnxEngine } from '${DIST}/engines/onnx-runtime.js';
    const engine = await createOnnxEngine({ trace() {} }, { device: 'cpu', threads: 1 });
    const builder = new GraphBuilder('g');
    const vector = { shape: [4], dtype: 'float32' };
    const [y] = builder.node('Square', [builder.input({ name: 'x', ...vector })], {}, [vector]);
    builder.output({ name: 'y', ...vector }, y);
    const executable = await engine.compileGraph(builder.build());
    const outputs = { y: new Float32Array(4) };
    const bound = executable.bind({ x: new Float32Array(4).fill(3) }, outputs);
    for (let i = 0; i < 20; i++) {
      gc();
      bound.run();
    }
    console.log(outputs.y.join());
  `;
  const args = ['--expose-gc', '--input-type=module', '-e', script];
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()).toBe('9,9,9,9');
});
