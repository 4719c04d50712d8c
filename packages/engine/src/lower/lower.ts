import { assert } from '@gantry/common';
import type { Graph, GraphNode } from '../graph/graph.js';
import { KERNELS } from '../kernels/index.js';
import type { OnnxModel, OnnxValue } from '../onnx/model.js';
import { LoweringContext, type LoweringNode, unsupported } from './context.js';

/** The model's name of a program's input: programs may name an input and an output alike, ONNX may not. */
export function inputName(name: string): string {
  return `in:${name}`;
}

/** The model's name of a program's output. */
export function outputName(name: string): string {
  return `out:${name}`;
}

/**
 * Lowers a kernel graph to an ONNX model, kernel by kernel. Bools at the edges become int32.
 *
 * @throws GantryError GANTRY_ENGINE_UNSUPPORTED naming kernel and origin, for a kernel without a rule.
 */
export function lowerGraph(graph: Graph): OnnxModel {
  const context = new LoweringContext(graph);
  const inputs = graph.inputs.map(({ spec, value }) => {
    context.bindName(value, inputName(spec.name));
    return { name: inputName(spec.name), dtype: spec.dtype, shape: spec.shape };
  });
  for (const node of graph.nodes) lowerNode(node, graph, context);
  const outputs = lowerOutputs(graph, context);
  return { inputs, outputs, initializers: context.initializers, nodes: context.nodes };
}

function lowerNode(node: GraphNode, graph: Graph, context: LoweringContext): void {
  const rule = KERNELS.get(node.op)?.lower;
  if (rule === undefined) unsupported({ kernel: node.op, origin: node.origin }, '');
  const names = rule(describe(node, graph, context), context);
  assert(
    names.length === node.outputs.length,
    `${node.op} has ${node.outputs.length} results, its rule ${names.length}`,
  );
  node.outputs.forEach((id, index) => {
    context.bindName(id, names[index]!);
  });
}

function describe(node: GraphNode, graph: Graph, context: LoweringContext): LoweringNode {
  return {
    kernel: node.op,
    inputs: node.inputs.map((id) => ({ name: context.nameOf(id), ...typeOf(id, graph) })),
    outputs: node.outputs.map((id) => graph.values.get(id)!),
    attributes: node.attributes,
    origin: node.origin,
  };
}

function typeOf(id: number, graph: Graph) {
  const { shape, dtype } = graph.values.get(id)!;
  return { shape, dtype };
}

/**
 * An output is its node's own result under the output's name, so that ONNX Runtime computes it in the caller's array.
 * What is an input, a constant or an output already is copied by an Identity.
 */
function lowerOutputs(graph: Graph, context: LoweringContext): OnnxValue[] {
  const renamed = new Map<string, string>();
  const made = new Set(context.nodes.flatMap(({ outputs }) => outputs));
  const outputs = graph.outputs.map(({ spec, value }) => {
    const { dtype } = graph.values.get(value)!;
    const source = context.nameOf(value);
    const name = context.cast(source, dtype, spec.dtype);
    const isOwn = name !== source || (made.has(name) && !renamed.has(name));
    if (isOwn) renamed.set(name, outputName(spec.name));
    else context.emitNamed('Identity', [name], outputName(spec.name));
    return { name: outputName(spec.name), dtype: spec.dtype, shape: spec.shape };
  });
  rename(context, renamed);
  return outputs;
}

function rename(context: LoweringContext, renamed: ReadonlyMap<string, string>): void {
  context.nodes.forEach((node, index) => {
    const apply = (names: readonly string[]) => names.map((name) => renamed.get(name) ?? name);
    context.nodes[index] = { ...node, inputs: apply(node.inputs), outputs: apply(node.outputs) };
  });
}
