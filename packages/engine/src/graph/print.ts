import type { Graph, GraphConstant, GraphNode, ValueId } from './graph.js';

/** Constants of more elements are shown by their ends. */
const ELEMENTS_SHOWN = 4;

/** A graph as text, a line a node: `%7 = Add(%3, %5) {…} : float32[128,256]  // layer`. Equal graphs give equal text. */
export function printGraph(graph: Graph): string {
  const lines = [`graph ${graph.name}`];
  for (const { spec, value } of graph.inputs) lines.push(`  input ${spec.name} = %${value} : ${type(value, graph)}`);
  for (const [id, constant] of graph.constants)
    lines.push(`  const %${id} = ${elements(constant)} : ${type(id, graph)}`);
  for (const node of graph.nodes) lines.push(`  ${printNode(node, graph)}`);
  for (const { spec, value } of graph.outputs) lines.push(`  output ${spec.name} = %${value} : ${type(value, graph)}`);
  return lines.join('\n');
}

/** How many nodes of each kernel a graph has, most frequent first. */
export function countKernels(graph: Graph): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { op } of graph.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
}

function printNode({ op, inputs, attributes, outputs, origin }: GraphNode, graph: Graph): string {
  const names = Object.keys(attributes).sort();
  const shown = names.map((name) => `${name}=${JSON.stringify(attributes[name])}`).join(', ');
  const results = outputs.map((id) => `%${id}`).join(', ');
  const operands = inputs.map((id) => `%${id}`).join(', ');
  const types = outputs.map((id) => type(id, graph)).join(', ');
  return `${results} = ${op}(${operands})${shown === '' ? '' : ` {${shown}}`} : ${types}${origin === '' ? '' : `  // ${origin}`}`;
}

function type(id: ValueId, graph: Graph): string {
  const info = graph.values.get(id);
  return info === undefined ? '?' : `${info.dtype}[${info.shape.join()}]`;
}

function elements({ data }: GraphConstant): string {
  if (data.length <= 2 * ELEMENTS_SHOWN) return `[${data.join(', ')}]`;
  return `[${data.slice(0, ELEMENTS_SHOWN).join(', ')}, … ${data.slice(-ELEMENTS_SHOWN).join(', ')}]`;
}
