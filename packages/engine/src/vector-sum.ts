import { type CApiSession, loadOrtCApi } from './engines/ort-c-api.js';
import { encodeModel } from './onnx/encode.js';
import type { TensorSpec } from './program.js';

/** Adds vectors of one length, each element rounded once to fp32; `out` may be `a` or `b`. */
export interface NativeVectorSum {
  add(out: Float32Array, a: Float32Array, b: Float32Array): void;
  dispose(): void;
}

/** Bindings kept; beyond it the oldest session is given back, so that callers with ever new views do not leak. */
const BINDINGS_MAX = 4096;

/**
 * An ONNX Runtime Add over the callers' memory (also mapped memory): about five times a JavaScript loop. Views that are
 * passed again, the same objects, are bound only once; null where the runtime's C interface is missing.
 */
export function createVectorSum(): NativeVectorSum | null {
  const api = loadOrtCApi();
  if (api === null) return null;
  const sessions = new Map<number, CApiSession>();
  let bound = new WeakMap<Float32Array, WeakMap<Float32Array, WeakMap<Float32Array, () => void>>>();
  let bindings = 0;

  function clear(): void {
    for (const session of sessions.values()) session.dispose();
    sessions.clear();
    bound = new WeakMap();
    bindings = 0;
  }

  function bind(out: Float32Array, a: Float32Array, b: Float32Array): () => void {
    if (bindings++ >= BINDINGS_MAX) clear();
    const [edgeA, edgeB, edgeOut] = ['a', 'b', 'sum'].map(
      (name): TensorSpec => ({ name, shape: [out.length], dtype: 'float32' }),
    );
    let session = sessions.get(out.length);
    if (session === undefined) {
      session = api!.createSession(addModel(edgeA!, edgeB!, edgeOut!), { threads: 1 });
      sessions.set(out.length, session);
    }
    const inputs = [
      { spec: edgeA!, array: a },
      { spec: edgeB!, array: b },
    ];
    return session.bind(inputs, [{ spec: edgeOut!, array: out }]);
  }

  return {
    add(out, a, b) {
      const known = bound.get(out)?.get(a)?.get(b);
      if (known !== undefined) return known();
      const run = bind(out, a, b);
      const second = childMap(bound, out);
      childMap(second, a).set(b, run);
      run();
    },
    dispose: clear,
  };
}

function childMap<V>(parent: WeakMap<Float32Array, WeakMap<Float32Array, V>>, key: Float32Array) {
  let child = parent.get(key);
  if (child === undefined) {
    child = new WeakMap();
    parent.set(key, child);
  }
  return child;
}

function addModel(a: TensorSpec, b: TensorSpec, sum: TensorSpec): Uint8Array {
  const nodes = [{ op: 'Add', inputs: ['a', 'b'], outputs: ['sum'], attributes: {} }];
  return encodeModel({ inputs: [a, b], outputs: [sum], initializers: new Map(), nodes });
}
