import { assert } from '@gantry/common';
import type { TensorSpec } from '../program.js';
import type { Attribute, Graph, GraphConstant, GraphDType, GraphNode, ValueId, ValueInfo } from './graph.js';

/** Collects inputs, constants and nodes in topological order; the trace and every pass build their graphs with it. */
export class GraphBuilder {
  readonly #name: string;
  readonly #values = new Map<ValueId, ValueInfo>();
  readonly #constants = new Map<ValueId, GraphConstant>();
  readonly #inputs: { spec: TensorSpec; value: ValueId }[] = [];
  readonly #nodes: GraphNode[] = [];
  readonly #outputs: { spec: TensorSpec; value: ValueId }[] = [];
  #nextId = 0;

  constructor(name: string) {
    this.#name = name;
  }

  input(spec: TensorSpec): ValueId {
    const value = this.#addValue(spec.shape, spec.dtype);
    this.#inputs.push({ spec, value });
    return value;
  }

  constant(dtype: GraphDType, shape: readonly number[], data: GraphConstant['data']): ValueId {
    const id = this.#addValue(shape, dtype);
    this.#constants.set(id, { value: this.info(id), data });
    return id;
  }

  /** Adds one operation and returns the ids of its outputs. Its inputs must exist already. */
  node(
    op: string,
    inputs: readonly ValueId[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: readonly { shape: readonly number[]; dtype: GraphDType }[],
    origin = '',
  ): ValueId[] {
    for (const input of inputs) assert(this.#values.has(input), `${op} uses value ${input} before it is made`);
    const ids = outputs.map(({ shape, dtype }) => this.#addValue(shape, dtype));
    this.#nodes.push({ op, inputs: [...inputs], attributes, outputs: ids, origin });
    return ids;
  }

  output(spec: TensorSpec, value: ValueId): void {
    this.#outputs.push({ spec, value });
  }

  info(id: ValueId): ValueInfo {
    const info = this.#values.get(id);
    assert(info !== undefined, `no value ${id}`);
    return info;
  }

  build(): Graph {
    return {
      name: this.#name,
      inputs: this.#inputs,
      constants: this.#constants,
      nodes: this.#nodes,
      values: this.#values,
      outputs: this.#outputs,
    };
  }

  #addValue(shape: readonly number[], dtype: GraphDType): ValueId {
    const id = this.#nextId++;
    this.#values.set(id, { id, shape: [...shape], dtype });
    return id;
  }
}
