import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './builder.js';
import type { Graph } from './graph.js';
import { printGraph } from './print.js';
import { verifyGraph } from './verify.js';

function sum(): Graph {
  const builder = new GraphBuilder('sum');
  const x = builder.input({ name: 'x', shape: [4, 3], dtype: 'float32' });
  const c = builder.constant('float32', [3], Float32Array.of(1, 2, 3));
  const [y] = builder.node('Add', [x, c], {}, [{ shape: [4, 3], dtype: 'float32' }], 'layer bias');
  builder.output({ name: 'y', shape: [4, 3], dtype: 'float32' }, y!);
  return builder.build();
}

const broken = (message: RegExp) =>
  expect.objectContaining({ code: 'GANTRY_INTERNAL', message: expect.stringMatching(message) });

/** The good graph with its only node changed. */
function withNode(change: Partial<Graph['nodes'][number]>): Graph {
  const graph = sum();
  return { ...graph, nodes: [{ ...graph.nodes[0]!, ...change }] };
}

describe('verifyGraph', () => {
  it('accepts what the builder makes', () => {
    expect(() => verifyGraph(sum())).not.toThrow();
  });

  it.each<[string, Graph, RegExp]>([
    ['a value read before it is made', withNode({ inputs: [2, 1] }), /Add reads %2 before it is made/],
    ['a value made twice', { ...sum(), nodes: [sum().nodes[0]!, sum().nodes[0]!] }, /makes %2, which exists already/],
    ['operands that do not broadcast', withShape(1, [2]), /constant %1 has 3 elements/],
    [
      'a result of another shape',
      withShape(2, [4, 4]),
      /\(layer bias\): its result has shape \[4,4\], \[4,3\] was expected/,
    ],
    ['a product of unequal inner sizes', withNode({ op: 'BatchMatMul' }), /it multiplies/],
    ['too few operands', withNode({ inputs: [0] }), /it has 1 operands, 2 were expected/],
    ['an output that nothing makes', { ...sum(), nodes: [] }, /output y is %2, which nothing makes/],
    ['an output of another type', withOutput('int32', 'y'), /output y is float32\[4,3\], its spec int32/],
    ['two outputs of one name', { ...sum(), outputs: [...sum().outputs, ...sum().outputs] }, /two outputs are named y/],
  ])('rejects %s', (_, graph, message) => {
    expect(() => verifyGraph(graph, 'pass "x"')).toThrow(broken(message));
  });
});

function withShape(id: number, shape: readonly number[]): Graph {
  const graph = sum();
  const info = { ...graph.values.get(id)!, shape };
  const constant = graph.constants.get(id);
  const constants = constant === undefined ? graph.constants : new Map([[id, { ...constant, value: info }]]);
  return { ...graph, constants, values: new Map([...graph.values, [id, info]]) };
}

function withOutput(dtype: 'int32' | 'float32', name: string): Graph {
  const graph = sum();
  return { ...graph, outputs: [{ value: 2, spec: { name, shape: [4, 3], dtype } }] };
}

describe('printGraph', () => {
  it('shows every value with its type and origin', () => {
    expect(printGraph(sum())).toBe(
      [
        'graph sum',
        '  input x = %0 : float32[4,3]',
        '  const %1 = [1, 2, 3] : float32[3]',
        '  %2 = Add(%0, %1) : float32[4,3]  // layer bias',
        '  output y = %2 : float32[4,3]',
      ].join('\n'),
    );
  });
});
