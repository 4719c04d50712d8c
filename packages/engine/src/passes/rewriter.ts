import { assert } from '@gantry/common';
import { GraphBuilder } from '../graph/builder.js';
import type { Attribute, Graph, GraphConstant, GraphDType, GraphNode, ValueId, ValueInfo } from '../graph/graph.js';
import { sizeOf } from '../graph/shapes.js';
import { COMMUTATIVE } from './kernel-facts.js';

/** A node as a rule sees it: its inputs are values of the new graph. */
export interface RuleNode {
  readonly op: string;
  readonly inputs: readonly ValueId[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly outputs: readonly OutputType[];
  readonly origin: string;
}

export interface OutputType {
  readonly shape: readonly number[];
  readonly dtype: GraphDType;
}

/**
 * Replaces one node of a kind by something better. `apply` returns the value that takes the place of the node's only
 * result, or undefined to leave the node; it must not change what is computed but for rounding.
 */
export interface Rule {
  readonly name: string;
  /** Kernels that the rule looks at. */
  readonly ops: readonly string[];
  apply(node: RuleNode, rewriter: Rewriter): ValueId | undefined;
}

/** Rules that call one another without end are a bug; no chain that helps is as long as this. */
const DEPTH_MAX = 64;
/** Constants of up to this many elements are looked up by content, so that equal ones become one. */
const SHARED_CONSTANT_SIZE_MAX = 64;

/**
 * Rebuilds a graph node by node. Each node is offered to the rules of its kernel, what they make is offered again, and a
 * node that exists already is used again (common subexpressions). Dead nodes are left to `removeDeadCode`.
 */
export class Rewriter {
  readonly #builder: GraphBuilder;
  readonly #rules = new Map<string, Rule[]>();
  readonly #producers = new Map<ValueId, GraphNode>();
  readonly #existing = new Map<string, ValueId[]>();
  readonly #constants = new Map<ValueId, GraphConstant>();
  readonly #uses = new Map<ValueId, number>();
  #depth = 0;

  constructor(graph: Graph, rules: readonly Rule[]) {
    this.#builder = new GraphBuilder(graph.name);
    for (const rule of rules) {
      for (const op of rule.ops) this.#rules.set(op, [...(this.#rules.get(op) ?? []), rule]);
    }
  }

  /** The rewritten graph; its inputs and outputs are those of the old one. */
  static run(graph: Graph, rules: readonly Rule[]): Graph {
    const rewriter = new Rewriter(graph, rules);
    const uses = countUses(graph);
    const mapped = new Map<ValueId, ValueId>();
    const bind = (from: ValueId, to: ValueId) => {
      mapped.set(from, to);
      rewriter.#uses.set(to, (rewriter.#uses.get(to) ?? 0) + (uses.get(from) ?? 0));
    };
    for (const { spec, value } of graph.inputs) bind(value, rewriter.#builder.input(spec));
    for (const [id, { value, data }] of graph.constants) {
      if (uses.has(id)) bind(id, rewriter.constant(value.dtype, value.shape, data));
    }
    for (const node of graph.nodes) {
      const outputs = node.outputs.map((id) => graph.values.get(id)!);
      const inputs = node.inputs.map((id) => mapped.get(id)!);
      const made = rewriter.#make({ ...node, inputs, outputs });
      node.outputs.forEach((id, index) => {
        bind(id, made[index]!);
      });
    }
    for (const { spec, value } of graph.outputs) rewriter.#builder.output(spec, mapped.get(value)!);
    return rewriter.#builder.build();
  }

  info(id: ValueId): ValueInfo {
    return this.#builder.info(id);
  }

  /** The node that makes a value, if it is of the given kernel. */
  producer(id: ValueId, op?: string): GraphNode | undefined {
    const node = this.#producers.get(id);
    return op === undefined || node?.op === op ? node : undefined;
  }

  /** Whether nothing but the node at hand reads a value, so that changing it for this reader repeats no work. */
  isUsedOnce(id: ValueId): boolean {
    return (this.#uses.get(id) ?? 1) <= 1;
  }

  constantOf(id: ValueId): GraphConstant | undefined {
    return this.#constants.get(id);
  }

  /** The one number that every element of a value is, where that is known. */
  uniform(id: ValueId): number | undefined {
    const constant = this.#constants.get(id);
    if (constant !== undefined) return constant.data.length === 1 ? constant.data[0] : undefined;
    const value = this.producer(id, 'Fill')?.attributes.value;
    return typeof value === 'number' ? value : undefined;
  }

  /** A tensor of one number: a constant where it has one element, a `Fill` otherwise. */
  fill(value: number, { shape, dtype }: OutputType): ValueId {
    const rounded = roundTo(value, dtype);
    if (sizeOf(shape) === 1) return this.constant(dtype, shape, typedArray(dtype, [rounded]));
    return this.node('Fill', [], { shape: [...shape], value: rounded, dtype }, { shape, dtype }, '');
  }

  scalar(value: number, dtype: GraphDType): ValueId {
    return this.fill(value, { shape: [], dtype });
  }

  constant(dtype: GraphDType, shape: readonly number[], data: GraphConstant['data']): ValueId {
    if (data.length > 1 && isUniform(data)) return this.fill(data[0]!, { shape, dtype });
    const key = data.length <= SHARED_CONSTANT_SIZE_MAX ? `${dtype}[${shape}]${bytesOf(data)}` : undefined;
    const known = key === undefined ? undefined : this.#existing.get(key);
    if (known !== undefined) return known[0]!;
    const id = this.#builder.constant(dtype, shape, data);
    this.#constants.set(id, { value: this.info(id), data });
    if (key !== undefined) this.#existing.set(key, [id]);
    return id;
  }

  /** Makes a node of one result, simplified like every other. */
  node(
    op: string,
    inputs: readonly ValueId[],
    attributes: RuleNode['attributes'],
    output: OutputType,
    origin: string,
  ): ValueId {
    return this.#make({ op, inputs, attributes, outputs: [output], origin })[0]!;
  }

  /** A view of a value in another shape of the same size. */
  reshape(id: ValueId, shape: readonly number[], origin: string): ValueId {
    const { dtype } = this.info(id);
    return this.node('Reshape', [id], { shape: [...shape] }, { shape, dtype }, origin);
  }

  /** The value of a node that exists already: a rule may use a result that costs nothing. */
  find(
    op: string,
    inputs: readonly ValueId[],
    attributes: RuleNode['attributes'],
    output: OutputType,
  ): ValueId | undefined {
    return this.#existing.get(keyOf({ op, inputs, attributes, outputs: [output], origin: '' }))?.[0];
  }

  #make(node: RuleNode): readonly ValueId[] {
    const key = keyOf(node);
    const known = this.#existing.get(key);
    if (known !== undefined) return known;
    const made = this.#simplify(node) ?? this.#emit(node);
    this.#existing.set(key, made as ValueId[]);
    return made;
  }

  #simplify(node: RuleNode): readonly ValueId[] | undefined {
    if (node.outputs.length !== 1) return undefined;
    this.#depth++;
    assert(this.#depth < DEPTH_MAX, `the rules for ${node.op} do not come to an end`);
    try {
      for (const rule of this.#rules.get(node.op) ?? []) {
        const value = rule.apply(node, this);
        if (value !== undefined) return [value];
      }
      return undefined;
    } finally {
      this.#depth--;
    }
  }

  #emit({ op, inputs, attributes, outputs, origin }: RuleNode): ValueId[] {
    const ids = this.#builder.node(op, inputs, attributes, outputs, origin);
    const node: GraphNode = { op, inputs, attributes, outputs: ids, origin };
    for (const id of ids) this.#producers.set(id, node);
    return ids;
  }
}

/** How often each value is read, outputs of the graph included. */
export function countUses(graph: Graph): Map<ValueId, number> {
  const uses = new Map<ValueId, number>();
  const add = (id: ValueId) => uses.set(id, (uses.get(id) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(add);
  for (const { value } of graph.outputs) add(value);
  return uses;
}

/** A number as a tensor of `dtype` would store it. */
export function roundTo(value: number, dtype: GraphDType): number {
  if (dtype === 'float32') return Math.fround(value);
  return dtype === 'int32' ? Math.trunc(value) | 0 : Number(value !== 0);
}

function typedArray(dtype: GraphDType, values: readonly number[]): GraphConstant['data'] {
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

/** By bits, so that a NaN equals itself and −0 is not 0. */
function isUniform(data: GraphConstant['data']): boolean {
  for (let index = 1; index < data.length; index++) if (!Object.is(data[index], data[0])) return false;
  return true;
}

function bytesOf(data: GraphConstant['data']): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}

/** Attributes in the order of their names, operands that may change places in the order of their numbers; −0 and NaN, which JSON knows not, are told apart. */
function keyOf({ op, inputs, attributes, outputs }: RuleNode): string {
  const sorted = Object.keys(attributes)
    .sort()
    .map((name) => `${name}=${JSON.stringify(attributes[name], (_, value) => numberKey(value))}`);
  const operands = COMMUTATIVE.has(op) ? [...inputs].sort((a, b) => a - b) : inputs;
  return `${op}(${operands})${sorted.join()}:${outputs.map(({ shape, dtype }) => `${dtype}[${shape}]`).join()}`;
}

/** For JSON, which has no infinities, no NaN and no −0. */
export function numberKey(value: unknown): unknown {
  return typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
    ? `#${Object.is(value, -0) ? '-0' : value}`
    : value;
}
