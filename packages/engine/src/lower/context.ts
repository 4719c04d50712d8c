import { assert, GantryError } from '@gantry/common';
import type { Graph, GraphDType, GraphNode, ValueId, ValueInfo } from '../graph/graph.js';
import { sizeOf } from '../graph/shapes.js';
import { onnxDataType } from '../onnx/encode.js';
import type { OnnxAttribute, OnnxDType, OnnxNode, OnnxTensor } from '../onnx/model.js';

/** Initializers of up to this many elements are stored once however often they are used. */
const SHARED_SIZE_MAX = 4096;

/** An operand of a kernel: its ONNX name and what is known of it. */
export interface Operand {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: GraphDType;
}

/** One kernel as a lowering rule sees it. */
export interface LoweringNode {
  readonly kernel: string;
  readonly inputs: readonly Operand[];
  /** Shapes and dtypes that the trace says the results have. */
  readonly outputs: readonly ValueInfo[];
  readonly attributes: GraphNode['attributes'];
  readonly origin: string;
}

/** Emits the ONNX nodes of a kernel and returns the names of its results, in the order of the node's outputs. */
export type LoweringRule = (node: LoweringNode, context: LoweringContext) => readonly string[];

/** Collects ONNX nodes and initializers; equal initializers are stored once. */
export class LoweringContext {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, OnnxTensor>();
  readonly #shared = new Map<string, string>();
  readonly #names = new Map<ValueId, string>();
  readonly #graph: Graph;
  #next = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** One node with one result. */
  emit(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.emitMany(op, inputs, attributes, 1)[0]!;
  }

  emitMany(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    count: number,
  ): string[] {
    const outputs = Array.from({ length: count }, () => `t${this.#next++}`);
    this.nodes.push({ op, inputs, outputs, attributes });
    return outputs;
  }

  emitNamed(op: string, inputs: readonly string[], output: string): void {
    this.nodes.push({ op, inputs, outputs: [output], attributes: {} });
  }

  float(value: number): string {
    return this.#share({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
  }

  int32(value: number): string {
    return this.#share({ dtype: 'int32', shape: [], data: Int32Array.of(value) });
  }

  /** A scalar of a kernel's dtype, so that arithmetic with it needs no cast. */
  scalar(value: number, dtype: GraphDType): string {
    if (dtype === 'float32') return this.float(value);
    if (dtype === 'int32') return this.int32(value);
    return this.#share({ dtype: 'bool', shape: [], data: Uint8Array.of(value === 0 ? 0 : 1) });
  }

  /** A vector of int64: a shape, axes, starts … */
  int64s(values: readonly number[]): string {
    return this.#share({ dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values.map(BigInt)) });
  }

  tensor(tensor: OnnxTensor): string {
    return sizeOf(tensor.shape) <= SHARED_SIZE_MAX ? this.#share(tensor) : this.#store(tensor);
  }

  cast(name: string, from: OnnxDType, to: OnnxDType): string {
    return from === to ? name : this.emit('Cast', [name], { to: onnxDataType(to) });
  }

  reshape(name: string, shape: readonly number[]): string {
    // A zero in ONNX's shape input means "as it was"; allowzero makes it a size.
    return this.emit('Reshape', [name, this.int64s(shape)], shape.includes(0) ? { allowzero: 1 } : {});
  }

  bindName(id: ValueId, name: string): void {
    this.#names.set(id, name);
  }

  /** The name of a value that has been made; a constant becomes an initializer when it is first used. */
  nameOf(id: ValueId): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const constant = this.#graph.constants.get(id);
    assert(constant !== undefined, `value ${id} is used before it is made`);
    const { value, data } = constant;
    const name = this.tensor({ dtype: value.dtype, shape: value.shape, data: asStored(data, value.dtype) });
    this.#names.set(id, name);
    return name;
  }

  #share(tensor: OnnxTensor): string {
    const key = `${tensor.dtype}[${tensor.shape}]${bytesOf(tensor)}`;
    let name = this.#shared.get(key);
    if (name === undefined) {
      name = this.#store(tensor);
      this.#shared.set(key, name);
    }
    return name;
  }

  #store(tensor: OnnxTensor): string {
    const name = `c${this.initializers.size}`;
    this.initializers.set(name, tensor);
    return name;
  }
}

/** Ends a lowering that a kernel's attributes make impossible. */
export function unsupported(node: Pick<LoweringNode, 'kernel' | 'origin'>, what: string): never {
  throw new GantryError(
    'GANTRY_ENGINE_UNSUPPORTED',
    `the onnx engine cannot run kernel ${node.kernel}${what === '' ? '' : ` ${what}`}${where(node.origin)}; ` +
      'write it with other TensorFlow.js operations, or run with --engine js',
    { details: { kernel: node.kernel, origin: node.origin } },
  );
}

function where(origin: string): string {
  return origin === '' ? '' : `, used by ${origin}`;
}

function bytesOf({ data }: OnnxTensor): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}

/** tfjs keeps bools in Uint8Arrays, but a constant's array may be of another kind than its dtype. */
function asStored(
  data: Float32Array | Int32Array | Uint8Array,
  dtype: GraphDType,
): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return data instanceof Float32Array ? data : Float32Array.from(data);
  if (dtype === 'int32') return data instanceof Int32Array ? data : Int32Array.from(data);
  return data instanceof Uint8Array ? data : Uint8Array.from(data, (value) => (value === 0 ? 0 : 1));
}
