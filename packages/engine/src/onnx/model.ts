import type { GraphDType } from '../graph/graph.js';

/** ONNX knows 64-bit integers too: shapes, axes and indices are such tensors. They never leave a model. */
export type OnnxDType = GraphDType | 'int64';

export interface OnnxTensor {
  readonly dtype: OnnxDType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array | BigInt64Array;
}

/** A plain number or list is of int64; floats say so, since ONNX Runtime reads no attribute of another type than its schema's. */
export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | OnnxTensor;

export interface OnnxNode {
  /** Of ONNX's own domain. */
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxValue {
  readonly name: string;
  readonly dtype: OnnxDType;
  readonly shape: readonly number[];
}

/** What the writer writes: nodes in topological order, every name made exactly once. */
export interface OnnxModel {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly nodes: readonly OnnxNode[];
}
