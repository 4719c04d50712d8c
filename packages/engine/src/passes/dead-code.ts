import { GraphBuilder } from '../graph/builder.js';
import type { Graph, ValueId } from '../graph/graph.js';

/** Drops nodes and constants that no output depends on. Inputs stay: they are the program's signature. */
export function removeDeadCode(graph: Graph): Graph {
  const live = liveValues(graph);
  const builder = new GraphBuilder(graph.name);
  const mapped = new Map<ValueId, ValueId>();
  for (const { spec, value } of graph.inputs) mapped.set(value, builder.input(spec));
  for (const [id, { value, data }] of graph.constants) {
    if (live.has(id)) mapped.set(id, builder.constant(value.dtype, value.shape, data));
  }
  for (const node of graph.nodes) {
    if (!node.outputs.some((id) => live.has(id))) continue;
    const outputs = node.outputs.map((id) => graph.values.get(id)!);
    const inputs = node.inputs.map((id) => mapped.get(id)!);
    const made = builder.node(node.op, inputs, node.attributes, outputs, node.origin);
    node.outputs.forEach((id, index) => {
      mapped.set(id, made[index]!);
    });
  }
  for (const { spec, value } of graph.outputs) builder.output(spec, mapped.get(value)!);
  return builder.build();
}

function liveValues(graph: Graph): Set<ValueId> {
  const live = new Set<ValueId>(graph.outputs.map(({ value }) => value));
  for (const node of [...graph.nodes].reverse()) {
    if (node.outputs.some((id) => live.has(id))) for (const id of node.inputs) live.add(id);
  }
  return live;
}
