import { GantryError } from '@gantry/common';
import { sizeOf } from '../graph/shapes.js';
import type { OnnxModel, OnnxNode } from '../onnx/model.js';
import type { HostArray, HostArrays, TensorSpec } from '../program.js';

/**
 * ONNX operators that read element i of their operands when they write element i of their result, and so may write over
 * an operand. Sigmoid, Tanh and Erf are not among them: the runtime fuses x · f(x) of these into kernels (QuickGelu, Gelu)
 * that write f(x) first and then read x again.
 */
const IN_PLACE: ReadonlySet<string> = new Set([
  ...['Abs', 'Add', 'Clip', 'Div', 'Exp', 'Identity', 'LeakyRelu', 'Log', 'Max', 'Min', 'Mul', 'Neg', 'Pow'],
  ...['Reciprocal', 'Relu', 'Sign', 'Sqrt', 'Sub', 'Sum', 'Where'],
]);

/**
 * Checks a caller's array against the tensor that it is to hold.
 *
 * @throws GantryError GANTRY_ENGINE_FAILED if it is missing, of another type or length, or a SharedArrayBuffer's.
 */
export function checkedArray(
  program: string,
  kind: 'input' | 'output',
  spec: TensorSpec,
  arrays: HostArrays,
): HostArray {
  const array = arrays[spec.name];
  const fail = (what: string): never => {
    throw new GantryError('GANTRY_ENGINE_FAILED', `program ${program}: ${kind} ${spec.name} ${what}`, {
      details: { program, tensor: spec.name },
    });
  };
  if (array === undefined) return fail('is not bound');
  const expected = spec.dtype === 'int32' ? Int32Array : Float32Array;
  if (!(array instanceof expected))
    return fail(`must be a ${expected.name}, it is a ${(array as object).constructor.name}`);
  const size = sizeOf(spec.shape);
  if (array.length !== size)
    return fail(`needs ${size} elements for its shape [${spec.shape}], its array has ${array.length}`);
  if (array.buffer instanceof SharedArrayBuffer) {
    return fail('lies in a SharedArrayBuffer, which ONNX Runtime refuses; map the memory as an ArrayBuffer');
  }
  return array;
}

/**
 * Rejects names that the program does not have: a misspelt output would silently never be computed.
 *
 * @throws GantryError GANTRY_ENGINE_FAILED
 */
export function checkNames(
  program: string,
  kind: 'input' | 'output',
  specs: readonly TensorSpec[],
  arrays: HostArrays,
): void {
  const known = new Set(specs.map(({ name }) => name));
  for (const name of Object.keys(arrays)) {
    if (known.has(name)) continue;
    const names = [...known].join(', ');
    throw new GantryError('GANTRY_ENGINE_FAILED', `program ${program} has no ${kind} ${name}; it has ${names}`, {
      details: { program, tensor: name },
    });
  }
}

export function overlaps(a: HostArray, b: HostArray): boolean {
  if (a.buffer !== b.buffer || a.length === 0 || b.length === 0) return false;
  return a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;
}

/** Whether two arrays are the same elements, one for one. */
export function coincides(a: HostArray, b: HostArray): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
}

/**
 * Whether an output may be computed right in the memory of an input: every reader of the input must have run before the
 * output's maker or be it, since a kernel that runs later would read what has been overwritten, and everything from the
 * input to the output must work element by element, also when the runtime makes one kernel of it.
 */
export function mayOverwrite(model: OnnxModel, input: string, output: string): boolean {
  const producers = new Map<string, OnnxNode>();
  for (const node of model.nodes) for (const name of node.outputs) producers.set(name, node);
  const writer = producers.get(output);
  if (writer === undefined || !IN_PLACE.has(writer.op)) return false;
  const before = ancestors(writer, producers);
  const after = descendants(input, model);
  return model.nodes.every((node) => {
    if (node.inputs.includes(input) && !before.has(node)) return false;
    return !(before.has(node) && after.has(node)) || IN_PLACE.has(node.op);
  });
}

/** All nodes that depend on a value; a model's nodes stand in the order in which they can run. */
function descendants(value: string, model: OnnxModel): Set<OnnxNode> {
  const found = new Set<OnnxNode>();
  const values = new Set([value]);
  for (const node of model.nodes) {
    if (!node.inputs.some((name) => values.has(name))) continue;
    found.add(node);
    for (const name of node.outputs) values.add(name);
  }
  return found;
}

/** A node and all that it depends on. */
function ancestors(node: OnnxNode, producers: ReadonlyMap<string, OnnxNode>): Set<OnnxNode> {
  const found = new Set<OnnxNode>([node]);
  for (const current of found) {
    for (const name of current.inputs) {
      const producer = producers.get(name);
      if (producer !== undefined) found.add(producer);
    }
  }
  return found;
}
