import type { TensorSpec } from '../program.js';

export type ValueId = number;
/** `bool` exists only inside a graph; at the edges it is int32. */
export type GraphDType = 'float32' | 'int32' | 'bool';

export interface ValueInfo {
  readonly id: ValueId;
  readonly shape: readonly number[];
  readonly dtype: GraphDType;
}

export type Attribute = number | string | boolean | null | readonly Attribute[];

/** One operation: `op` is the name of a tfjs kernel (or of one of Gantry's own, which the passes make), `attributes` its attrs. */
export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly ValueId[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly outputs: readonly ValueId[];
  /** Layer or user line it came from, for messages. */
  readonly origin: string;
}

export interface GraphConstant {
  readonly value: ValueInfo;
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/**
 * A static single-assignment graph in topological order: every value is an input, a constant or the output of exactly one
 * earlier node. Immutable; a pass returns a new one.
 */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly { readonly spec: TensorSpec; readonly value: ValueId }[];
  readonly constants: ReadonlyMap<ValueId, GraphConstant>;
  readonly nodes: readonly GraphNode[];
  readonly values: ReadonlyMap<ValueId, ValueInfo>;
  /** A value may be an output several times, and an input or constant may be one. */
  readonly outputs: readonly { readonly spec: TensorSpec; readonly value: ValueId }[];
}
