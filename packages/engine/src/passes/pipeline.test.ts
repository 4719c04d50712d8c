import { afterAll, describe, expect, it } from 'vitest';
import { SessionCache } from '../cache.js';
import { createSession } from '../engines/onnx-session.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Attribute, Graph, GraphDType, ValueId } from '../graph/graph.js';
import { countKernels } from '../graph/print.js';
import { sizeOf } from '../graph/shapes.js';
import { inputName, lowerGraph, outputName } from '../lower/lower.js';
import { encodeModel } from '../onnx/encode.js';
import { optimizeGraph } from './pipeline.js';

const cache = new SessionCache({ provider: 'cpu', index: 0, threads: 1 });
afterAll(() => cache.dispose());

/** A graph in a few words: float inputs by name, nodes with the shape of their result. */
class Sketch {
  readonly #builder = new GraphBuilder('sketch');

  input(name: string, shape: readonly number[]): ValueId {
    return this.#builder.input({ name, shape, dtype: 'float32' });
  }

  constant(shape: readonly number[], values: readonly number[]): ValueId {
    return this.#builder.constant('float32', shape, Float32Array.from(values));
  }

  node(
    op: string,
    inputs: readonly ValueId[],
    shape: readonly number[],
    attributes: Record<string, Attribute> = {},
    dtype: GraphDType = 'float32',
  ): ValueId {
    return this.#builder.node(op, inputs, attributes, [{ shape, dtype }])[0]!;
  }

  shapeOf(id: ValueId): readonly number[] {
    return this.#builder.info(id).shape;
  }

  output(name: string, id: ValueId): this {
    this.#builder.output({ name, shape: this.#builder.info(id).shape, dtype: 'float32' }, id);
    return this;
  }

  build(): Graph {
    return this.#builder.build();
  }
}

async function evaluate(graph: Graph, inputs: ReadonlyMap<string, Float32Array>): Promise<Float32Array[]> {
  const session = await createSession(encodeModel(lowerGraph(graph)), { provider: 'cpu', index: 0, threads: 1 });
  const results = graph.outputs.map(({ spec }) => new Float32Array(sizeOf(spec.shape)));
  const feeds = graph.inputs.map(({ spec }) => ({
    spec: { ...spec, name: inputName(spec.name) },
    array: inputs.get(spec.name)!,
  }));
  const fetches = graph.outputs.map(({ spec }, k) => ({
    spec: { ...spec, name: outputName(spec.name) },
    array: results[k]!,
  }));
  session.bind(feeds, fetches)();
  await session.dispose();
  return results;
}

/** Optimizes, and checks on random inputs that the same is computed. */
async function optimized(graph: Graph): Promise<Graph> {
  let state = 42;
  const random = () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state / 2 ** 30 - 1;
  };
  const inputs = new Map(
    graph.inputs.map(({ spec }) => [spec.name, Float32Array.from({ length: sizeOf(spec.shape) }, random)]),
  );
  const result = optimizeGraph(graph);
  const [before, after] = [await evaluate(graph, inputs), await evaluate(result, inputs)];
  before.forEach((values, output) => {
    const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-6);
    values.forEach((value, index) => {
      expect(Math.abs(after[output]![index]! - value) / scale).toBeLessThan(1e-5);
    });
  });
  return result;
}

const kernelsOf = async (sketch: Sketch) => countKernels(await optimized(sketch.build()));

describe('simplification', () => {
  it('folds uniform tensors and drops neutral elements', async () => {
    const s = new Sketch();
    const x = s.input('x', [4, 3]);
    const ones = s.node('OnesLike', [x], [4, 3]);
    const zeros = s.constant([4, 3], Array(12).fill(0));
    const sum = s.node('Add', [s.node('Multiply', [x, ones], [4, 3]), zeros], [4, 3]);
    expect(await kernelsOf(s.output('y', s.node('Identity', [sum], [4, 3])))).toEqual({});
  });

  it('makes a uniform operand a scalar, and one factor of two', async () => {
    const s = new Sketch();
    const scaled = s.node('Multiply', [s.constant([4, 3], Array(12).fill(0.5)), s.input('x', [4, 3])], [4, 3]);
    const graph = await optimized(s.output('y', s.node('RealDiv', [scaled, s.constant([], [4])], [4, 3])).build());
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Multiply']);
    expect([...graph.constants.values()].map(({ data }) => [...data])).toEqual([[0.125]]);
  });

  it('computes equal expressions once and dead ones never', async () => {
    const s = new Sketch();
    const x = s.input('x', [5]);
    s.node('Log', [x], [5]);
    const twice = [s.node('Exp', [x], [5]), s.node('Exp', [x], [5])];
    expect(await kernelsOf(s.output('y', s.node('Add', twice, [5])))).toEqual({ Add: 1, Exp: 1 });
  });

  it('computes a + b and b + a once', async () => {
    const s = new Sketch();
    const [a, b] = [s.input('a', [5]), s.input('b', [5])];
    const sums = [s.node('Add', [a, b], [5]), s.node('Add', [b, a], [5])];
    expect(await kernelsOf(s.output('y', s.node('Multiply', sums, [5])))).toEqual({ Add: 1, Multiply: 1 });
  });

  it('leaves kernels apart that differ in an attribute alone', async () => {
    const s = new Sketch();
    const x = s.input('x', [5]);
    const steps = [0.25, 0.5].map((alpha) => s.node('Step', [x], [5], { alpha }));
    expect(await kernelsOf(s.output('y', s.node('Add', steps, [5])))).toEqual({ Add: 1, Step: 2 });
  });

  it('merges negations', async () => {
    const s = new Sketch();
    const [a, b] = [s.input('a', [5]), s.input('b', [5])];
    const difference = s.node('Sub', [a, s.node('Neg', [b], [5])], [5]);
    const sum = s.node('Add', [difference, s.node('Neg', [s.node('Neg', [a], [5])], [5])], [5]);
    expect(await kernelsOf(s.output('y', sum))).toEqual({ Add: 2 });
  });

  it('merges reshapes and transposes', async () => {
    const s = new Sketch();
    const x = s.input('x', [2, 3, 4]);
    const turned = s.node('Transpose', [x], [4, 2, 3], { perm: [2, 0, 1] });
    const back = s.node('Transpose', [turned], [2, 3, 4], { perm: [1, 2, 0] });
    const flat = s.node('Reshape', [s.node('Exp', [s.node('Reshape', [back], [6, 4])], [6, 4])], [2, 3, 4]);
    expect(await kernelsOf(s.output('y', flat))).toEqual({ Exp: 1 });
  });

  it('moves a scalar view of one element behind the arithmetic', async () => {
    const s = new Sketch();
    const [x, y] = [s.input('x', [1, 1]), s.input('y', [1])];
    const [a, b] = [x, y].map((id) => s.node('Reshape', [id], [], { shape: [] })) as [number, number];
    const doubled = s.node('Multiply', [a, s.constant([], [2])], []);
    s.output('doubled', doubled).output('sum', s.node('Add', [doubled, b], []));
    expect(await kernelsOf(s)).toMatchObject({ Multiply: 1, Add: 1 });
  });

  it('spreads the gradient of a mean as a scalar', async () => {
    const s = new Sketch();
    const [dy, x] = [s.input('dy', []), s.input('x', [4, 3])];
    const expanded = s.node(
      'Multiply',
      [s.node('Reshape', [dy], [1, 1]), s.constant([4, 3], Array(12).fill(1))],
      [4, 3],
    );
    const mean = s.node('RealDiv', [expanded, s.constant([], [12])], [4, 3]);
    const graph = await optimized(s.output('y', s.node('Multiply', [mean, x], [4, 3])).build());
    const sizes = graph.nodes.map(({ outputs }) => sizeOf(graph.values.get(outputs[0]!)!.shape));
    expect(countKernels(graph)).not.toHaveProperty('BroadcastTo');
    expect(sizes.filter((size) => size > 1)).toEqual([12]);
  });

  it('keeps a broadcast that the result needs', async () => {
    const s = new Sketch();
    const spread = s.node('Multiply', [s.input('x', [1, 3]), s.constant([4, 3], Array(12).fill(1))], [4, 3]);
    expect(await kernelsOf(s.output('y', s.node('Exp', [spread], [4, 3])))).toEqual({ BroadcastTo: 1, Exp: 1 });
  });
});

describe('products', () => {
  const flags = { transposeA: false, transposeB: false };

  it('makes a dense layer, fused or not, one Gemm and its activation', async () => {
    const s = new Sketch();
    const [x, w, b] = [s.input('x', [4, 3]), s.input('w', [3, 5]), s.input('b', [5])];
    const operands = [s.node('Reshape', [x], [1, 4, 3]), s.node('Reshape', [w], [1, 3, 5]), b];
    const fused = s.node('_FusedMatMul', operands, [1, 4, 5], { ...flags, activation: 'relu' });
    const layer = s.node('Reshape', [fused], [4, 5]);
    const product = s.node('BatchMatMul', [s.node('Transpose', [layer], [5, 4], { perm: [1, 0] }), x], [5, 3], flags);
    expect(await kernelsOf(s.output('y', layer).output('z', product))).toEqual({ Gemm: 2, Relu: 1 });
  });

  it('takes scales, negations and transposes into the Gemm', async () => {
    const s = new Sketch();
    const [a, b] = [s.input('a', [4, 3]), s.input('b', [5, 3])];
    const scaled = s.node('Multiply', [a, s.constant([], [0.5])], [4, 3]);
    const turned = s.node('Transpose', [b], [3, 5], { perm: [1, 0] });
    const product = s.node('Neg', [s.node('BatchMatMul', [scaled, turned], [4, 5], flags)], [4, 5]);
    const graph = await optimized(s.output('y', s.node('Transpose', [product], [5, 4], { perm: [1, 0] })).build());
    expect(countKernels(graph)).toEqual({ Gemm: 1 });
    expect(graph.nodes[0]!.attributes).toEqual({ alpha: -0.5, transposeA: false, transposeB: true });
  });

  it('stacks a batch that meets one matrix, and leaves batches of two', async () => {
    const s = new Sketch();
    const [a, w, c] = [s.input('a', [2, 4, 3]), s.input('w', [1, 3, 5]), s.input('c', [2, 5, 3])];
    const stacked = s.node('BatchMatMul', [a, w], [2, 4, 5], flags);
    const graph = await optimized(s.output('y', s.node('BatchMatMul', [stacked, c], [2, 4, 3], flags)).build());
    expect(countKernels(graph)).toMatchObject({ Gemm: 1, BatchMatMul: 1 });
  });

  it('repeats no product that is read twice', async () => {
    const s = new Sketch();
    const product = s.node('BatchMatMul', [s.input('a', [4, 3]), s.input('b', [3, 5])], [4, 5], flags);
    const sum = s.node('Add', [product, s.input('bias', [5])], [4, 5]);
    expect(await kernelsOf(s.output('y', product).output('z', sum))).toEqual({ Add: 1, Gemm: 1 });
  });

  it('makes a column of ones times a row a broadcast', async () => {
    const s = new Sketch();
    const product = s.node('BatchMatMul', [s.constant([4, 1], Array(4).fill(1)), s.input('w', [5, 1])], [4, 5], {
      transposeA: false,
      transposeB: true,
    });
    const masked = s.node('Multiply', [product, s.input('x', [4, 5])], [4, 5]);
    expect(await kernelsOf(s.output('y', masked))).toEqual({ Multiply: 1, Reshape: 1 });
  });
});

describe('backward passes', () => {
  it('sums the gradients of two batches in the second product', async () => {
    const s = new Sketch();
    const batches = ['1', '2'].map((name) => [s.input(`x${name}`, [4, 3]), s.input(`dy${name}`, [4, 5])]);
    const flags = { transposeA: true, transposeB: false };
    const products = batches.map((operands) => s.node('BatchMatMul', operands, [3, 5], flags));
    expect(await kernelsOf(s.output('dw', s.node('AddN', products, [3, 5])))).toEqual({ Gemm: 2 });
  });

  it('makes the weight gradient of one unit a row', async () => {
    const s = new Sketch();
    const batches = ['1', '2'].map((name) => [s.input(`x${name}`, [4, 3]), s.input(`dy${name}`, [4, 1])]);
    const flags = { transposeA: true, transposeB: false };
    const products = batches.map((operands) => s.node('BatchMatMul', operands, [3, 1], flags));
    const graph = await optimized(s.output('dw', s.node('Add', products, [3, 1])).build());
    const gemms = graph.nodes.filter(({ op }) => op === 'Gemm');
    expect(gemms.map(({ outputs }) => graph.values.get(outputs[0]!)!.shape)).toEqual([
      [1, 3],
      [1, 3],
    ]);
  });

  it('reads the gradient of a relu off its result and sums a bias gradient by a product', async () => {
    const s = new Sketch();
    const [x, dy] = [s.input('x', [4, 3]), s.input('dy', [4, 3])];
    const relu = s.node('Relu', [x], [4, 3]);
    const mask = s.node('Cast', [s.node('Step', [x], [4, 3], { alpha: 0 })], [4, 3], { dtype: 'float32' });
    const dx = s.node('Multiply', [dy, mask], [4, 3]);
    const sum = s.node('Sum', [s.node('Reshape', [dx], [1, 4, 3])], [3], { axis: [0, 1], keepDims: false });
    const graph = await optimized(s.output('relu', relu).output('dx', dx).output('db', sum).build());
    expect(countKernels(graph)).toEqual({ ColumnSum: 1, Multiply: 1, Relu: 1, Step: 1 });
    expect(graph.nodes.find(({ op }) => op === 'Step')!.attributes.nonNegative).toBe(true);
  });
});

describe('operands that are broadcast', () => {
  const flags = { transposeA: false, transposeB: false };
  const product = (s: Sketch, a: ValueId, shape: readonly number[], name: string) => {
    const w = s.input(name, [s.shapeOf(a).at(-1)!, shape[1]!]);
    return s.node('BatchMatMul', [a, w], shape, flags);
  };
  const filled = (s: Sketch, shape: readonly number[], value: number) =>
    s.constant(shape, Array(sizeOf(shape)).fill(value));
  const CASES: Readonly<Record<string, (s: Sketch) => ValueId>> = {
    'a product and a product of one row': (s) => {
      const [a, c] = [product(s, s.input('a', [4, 3]), [4, 5], 'w'), product(s, s.input('c', [1, 3]), [1, 5], 'v')];
      return s.node('Add', [a, c], [4, 5]);
    },
    'a product of one column and a row': (s) => {
      return s.node('Add', [product(s, s.input('a', [4, 3]), [4, 1], 'w'), s.input('b', [5])], [4, 5]);
    },
    'a product of one row and equal numbers': (s) => {
      return s.node('Multiply', [product(s, s.input('a', [1, 3]), [1, 5], 'w'), filled(s, [4, 5], 2)], [4, 5]);
    },
    'a scaled row in a product': (s) => {
      const rows = s.node('Multiply', [s.input('x', [1, 3]), filled(s, [4, 3], 2)], [4, 3]);
      return product(s, rows, [4, 5], 'w');
    },
    'a negated product with equal numbers': (s) => {
      const rows = s.node('Multiply', [s.input('x', [1, 3]), filled(s, [4, 3], 2)], [4, 3]);
      return s.node('Neg', [rows], [4, 3]);
    },
    'equal numbers times a negation': (s) => {
      return s.node('Multiply', [s.node('Neg', [s.input('x', [1, 3])], [1, 3]), filled(s, [4, 3], 2)], [4, 3]);
    },
    'two scales': (s) => {
      const row = s.node('Multiply', [s.input('x', [1, 3]), filled(s, [], 2)], [1, 3]);
      return s.node('Multiply', [row, filled(s, [4, 3], 3)], [4, 3]);
    },
  };

  it.each(Object.entries(CASES))('%s', async (_, sketch) => {
    const s = new Sketch();
    const y = sketch(s);
    expect((await optimized(s.output('y', y).build())).outputs).toHaveLength(1);
  });
});
