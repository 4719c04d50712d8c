import { createRequire } from 'node:module';
import { jsVectorSum, type VectorSum } from '../core/vector-sum.js';

const FLOAT = 1;
const OPSET = 13;
const IR_VERSION = 8;

/** The part of onnxruntime-node's binding that is used: `run` is synchronous, and writes into the tensors it is given. */
interface Binding {
  readonly initOrt: () => void;
  readonly binding: { readonly InferenceSession: new () => Session };
}
interface Session {
  loadModel(buffer: ArrayBufferLike, offset: number, bytes: number, options: object): void;
  run(feeds: object, fetches: object, options: object): unknown;
}
type TensorConstructor = new (type: 'float32', data: Float32Array, shape: readonly number[]) => object;

/**
 * A VectorSum made of ONNX Runtime's Add kernel on one thread, or the plain one where onnxruntime-node is not installed.
 * Tensors are kept for as long as the views that they are made of.
 */
export function createOnnxVectorSum(): VectorSum {
  const load = createRequire(import.meta.url);
  let binding: Binding;
  let Tensor: TensorConstructor;
  try {
    binding = load('onnxruntime-node/dist/binding.js') as Binding;
    Tensor = (load('onnxruntime-common') as { Tensor: TensorConstructor }).Tensor;
  } catch {
    return jsVectorSum;
  }
  binding.initOrt();
  const session = new binding.binding.InferenceSession();
  const model = addModel();
  session.loadModel(model.buffer, model.byteOffset, model.byteLength, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const tensors = new WeakMap<Float32Array, object>();
  const tensorOf = (view: Float32Array): object => {
    let tensor = tensors.get(view);
    if (tensor === undefined) {
      tensor = new Tensor('float32', view, [view.length]);
      tensors.set(view, tensor);
    }
    return tensor;
  };
  return {
    add(out, a, b) {
      session.run({ a: tensorOf(a), b: tensorOf(b) }, { c: tensorOf(out) }, {});
    },
  };
}

/** The bytes of an ONNX model `c = Add(a, b)` over vectors of any one length (onnx.proto, ModelProto). */
export function addModel(): Uint8Array {
  const dimension = message(1, text(2, 'n'));
  const type = message(2, message(1, number(1, FLOAT), message(2, dimension)));
  const value = (field: number, name: string) => message(field, text(1, name), type);
  const node = message(1, text(1, 'a'), text(1, 'b'), text(2, 'c'), text(4, 'Add'));
  const graph = message(7, node, text(2, 'sum'), value(11, 'a'), value(11, 'b'), value(12, 'c'));
  return Uint8Array.from([...number(1, IR_VERSION), ...graph, ...message(8, text(1, ''), number(2, OPSET))]);
}

function number(field: number, value: number): number[] {
  return [field << 3, value];
}

function text(field: number, value: string): number[] {
  return [(field << 3) | 2, value.length, ...new TextEncoder().encode(value)];
}

/** Lengths stay below 128, so that a byte holds them. */
function message(field: number, ...parts: number[][]): number[] {
  const body = parts.flat();
  return [(field << 3) | 2, body.length, ...body];
}
