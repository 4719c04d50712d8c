import { GantryError } from '@gantry/common';
import { KERNELS } from '../kernels/index.js';
import type { Graph, GraphDType, GraphNode, ValueId } from './graph.js';
import { sameShape, sizeOf } from './shapes.js';

/**
 * Checks what every graph must be: single assignment in topological order, known shapes and dtypes, constants as long as
 * their shapes, edges that agree with their specs, and for kernels with a `check` of their own, operands that fit.
 * Run between passes, so that a wrong pass is found where it is wrong.
 *
 * @param after what made the graph, for the message.
 * @throws GantryError GANTRY_INTERNAL naming the graph, the node and the rule that it breaks.
 */
export function verifyGraph(graph: Graph, after = 'trace'): void {
  const fail = (what: string): never => {
    throw new GantryError('GANTRY_INTERNAL', `graph ${graph.name} is broken after ${after}: ${what}`);
  };
  const made = new Set<ValueId>();
  const define = (id: ValueId, by: string) => {
    if (made.has(id)) fail(`${by} makes %${id}, which exists already`);
    if (graph.values.get(id)?.id !== id) fail(`${by} makes %${id}, of which no type is known`);
    made.add(id);
  };
  for (const { spec, value } of graph.inputs) define(value, `input ${spec.name}`);
  for (const [id] of graph.constants) define(id, 'a constant');
  checkConstants(graph, fail);
  for (const node of graph.nodes) {
    checkNode(node, graph, made, fail);
    for (const id of node.outputs) define(id, node.op);
  }
  checkEdges(graph, made, fail);
}

type Fail = (what: string) => never;

function checkConstants(graph: Graph, fail: Fail): void {
  for (const [id, { value, data }] of graph.constants) {
    const size = sizeOf(value.shape);
    if (data.length !== size)
      fail(`constant %${id} has ${data.length} elements, its shape [${value.shape}] has ${size}`);
  }
}

function checkNode(node: GraphNode, graph: Graph, made: ReadonlySet<ValueId>, fail: Fail): void {
  for (const id of node.inputs) if (!made.has(id)) fail(`${node.op} reads %${id} before it is made`);
  if (node.outputs.length === 0) fail(`${node.op} makes nothing`);
  for (const id of node.outputs) {
    const shape = graph.values.get(id)?.shape ?? [];
    if (shape.some((size) => !Number.isInteger(size) || size < 0)) fail(`${node.op} makes %${id} of shape [${shape}]`);
  }
  const types = (ids: readonly ValueId[]) => ids.map((id) => graph.values.get(id)!);
  const problem = KERNELS.get(node.op)?.check?.(types(node.inputs), types(node.outputs), node.attributes);
  if (problem !== undefined)
    fail(`${node.op} making %${node.outputs[0]}${node.origin && ` (${node.origin})`}: ${problem}`);
}

function checkEdges(graph: Graph, made: ReadonlySet<ValueId>, fail: Fail): void {
  const names = new Map<string, Set<string>>([
    ['input', new Set()],
    ['output', new Set()],
  ]);
  const check = (kind: string, edge: Graph['inputs'][number]) => {
    const { spec, value } = edge;
    if (names.get(kind)!.has(spec.name)) fail(`two ${kind}s are named ${spec.name}`);
    names.get(kind)!.add(spec.name);
    if (!made.has(value)) fail(`${kind} ${spec.name} is %${value}, which nothing makes`);
    const { shape, dtype } = graph.values.get(value)!;
    if (!sameShape(shape, spec.shape) || edgeDType(dtype) !== spec.dtype) {
      fail(`${kind} ${spec.name} is ${dtype}[${shape}], its spec ${spec.dtype}[${spec.shape}]`);
    }
  };
  for (const input of graph.inputs) check('input', input);
  for (const output of graph.outputs) check('output', output);
}

function edgeDType(dtype: GraphDType): 'float32' | 'int32' {
  return dtype === 'float32' ? 'float32' : 'int32';
}
