import type { GraphDType } from '../graph/graph.js';

/** ONNX knows 64-bit integers too: shapes, axes and indices are such tensors. They never leave a model. */
export type OnnxDType = GraphDType | 'int64';

export interface OnnxTensor {
  readonly dtype: OnnxDType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array | BigInt64Array;
}

/** Numbers are int64 attributes but for the names in `FLOAT_ATTRIBUTES` (encode.ts). */
export type OnnxAttribute = number | string | readonly number[] | OnnxTensor;

export interface OnnxNode {
  readonly op: string;
  /** '' is the standard domain. */
  readonly domain: '' | 'com.microsoft';
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
