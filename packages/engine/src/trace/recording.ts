import { assert, GantryError } from '@gantry/common';
import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, GraphConstant, GraphDType, ValueId } from '../graph/graph.js';
import type { TensorSpec } from '../program.js';
import { engine } from '../tfjs.js';
import { graphDType, type Inferred, type KernelAttributes, type KernelRule, UnsupportedKernel } from './kernel-rule.js';
import { currentLayer, currentLine, describeOrigin, isBackward } from './origin.js';

export type ConstantData = GraphConstant['data'];

/**
 * What is known of one tfjs data id: a value of the graph, or host data that becomes a constant of the graph when a
 * kernel first uses it. Exactly one of the two is set at first, and `data` stays readable afterwards.
 */
export interface CapturedData {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly data: ConstantData | null;
  value: ValueId | null;
  refCount: number;
}

/** `details.missing` of an error that says nothing of the program but that the capture backend lacks a kernel. */
export const MISSING_RULE = 'rule';

/** One trace under way: the graph built so far, and what tensors of other backends became in it. */
export class Recording {
  readonly program: string;
  readonly #builder: GraphBuilder;
  readonly #foreign = new Map<object, ValueId>();
  /** Where each value comes from, so that a gradient can name the layer whose tensors it works on. */
  readonly #layers = new Map<ValueId, string>();

  constructor(program: string) {
    this.program = program;
    this.#builder = new GraphBuilder(program);
  }

  input(spec: TensorSpec): ValueId {
    return this.#builder.input(spec);
  }

  /**
   * Tensors that live on another backend, made before the trace, enter as constants.
   *
   * @throws GantryError GANTRY_ENGINE_UNSUPPORTED for a variable, whose value of now would be frozen into the program
   */
  foreignValue({ dataId, shape, dtype }: TensorInfo): ValueId {
    const known = this.#foreign.get(dataId);
    if (known !== undefined) return known;
    this.#refuseVariable(dataId);
    const data = engine().readSync(dataId) as ConstantData;
    const value = this.constant(dtype, shape, data);
    this.#foreign.set(dataId, value);
    return value;
  }

  /** Copies `data`: its owner may go on writing to it. @throws UnsupportedKernel for string and complex64 */
  constant(dtype: DataType, shape: readonly number[], data: ConstantData): ValueId {
    const checked = graphDType(dtype);
    return this.#builder.constant(checked, shape, typedCopy(checked, data));
  }

  /** @throws GantryError GANTRY_ENGINE_UNSUPPORTED if the rule cannot say what the kernel gives */
  node(rule: KernelRule, inputs: readonly ValueId[], attributes: KernelAttributes): readonly ValueId[] {
    let inferred: Inferred;
    try {
      const shapes = inputs.map((id) => this.#builder.info(id));
      inferred = rule.infer(shapes, attributes);
    } catch (error) {
      if (!(error instanceof UnsupportedKernel)) throw error;
      throw this.unsupported(rule.kernel, inputs, error.message);
    }
    const layer = currentLayer() || this.#gradientLayer(inputs);
    const origin = layer || currentLine();
    const op = rule.op ?? rule.kernel;
    const outputs = this.#builder.node(op, inputs, inferred.attributes ?? {}, inferred.outputs, origin);
    if (layer !== '') for (const id of outputs) this.#layers.set(id, layer);
    return outputs;
  }

  info(id: ValueId): { readonly shape: readonly number[]; readonly dtype: GraphDType } {
    return this.#builder.info(id);
  }

  /** The error for what a kernel's rule cannot record; an eager engine may still run it (`missing`). */
  unsupported(kernel: string, inputs: readonly ValueId[], reason: string): GantryError {
    const layer = currentLayer() || this.#gradientLayer(inputs);
    return unsupportedError(this.program, `kernel ${kernel}`, layer, reason, { kernel, missing: MISSING_RULE });
  }

  #refuseVariable(dataId: object): void {
    const variables = Object.values(engine().registeredVariables);
    const variable = variables.find((candidate) => candidate.dataId === dataId);
    if (variable === undefined) return;
    const reason =
      'its value of now would stay in the program for ever; make it an input, and give both to withVariables (for a constant, use tf.tensor)';
    throw unsupportedError(this.program, `variable "${variable.name}", which is no input,`, currentLayer(), reason);
  }

  /** At a program's edge bool is int32. */
  output(name: string, value: ValueId): void {
    const { shape, dtype } = this.#builder.info(value);
    if (dtype === 'bool') {
      const [cast] = this.#builder.node('Cast', [value], { dtype: 'int32' }, [{ shape, dtype: 'int32' }], 'output');
      this.#builder.output({ name, shape, dtype: 'int32' }, cast!);
    } else {
      this.#builder.output({ name, shape, dtype }, value);
    }
  }

  build(): Graph {
    return this.#builder.build();
  }

  /** A gradient runs outside of all layers; it belongs to the last of its inputs that came from one. */
  #gradientLayer(inputs: readonly ValueId[]): string {
    if (!isBackward()) return '';
    for (let i = inputs.length - 1; i >= 0; i--) {
      const layer = this.#layers.get(inputs[i]!);
      if (layer !== undefined) return layer;
    }
    return '';
  }
}

/** Says what cannot be captured (`kernel Conv2D`), where, and why. Reads the user's line off the stack. */
export function unsupportedError(
  program: string,
  what: string,
  layer: string,
  reason: string,
  details: Readonly<Record<string, string>> = {},
): GantryError {
  const line = currentLine();
  const where = describeOrigin({ layer, line });
  const message = `program "${program}": ${what}${where === '' ? '' : ` ${where}`} cannot be captured: ${reason}`;
  return new GantryError('GANTRY_ENGINE_UNSUPPORTED', message, { details: { program, layer, line, ...details } });
}

function typedCopy(dtype: GraphDType, data: ConstantData): ConstantData {
  if (dtype === 'float32') return Float32Array.from(data);
  if (dtype === 'int32') return Int32Array.from(data);
  return Uint8Array.from(data);
}

let current: Recording | null = null;

/** The trace that is under way. A kernel that runs on the capture backend outside of a trace is a bug of its caller. */
export function currentRecording(): Recording {
  assert(current !== null, 'a kernel ran on the capture backend while no program is being traced');
  return current;
}

/** @throws GantryError GANTRY_ENGINE_UNSUPPORTED if a trace is under way already */
export function withRecording<T>(recording: Recording, fn: () => T): T {
  if (current !== null) {
    const reason = 'a program cannot be compiled from within another one';
    throw unsupportedError(current.program, `program "${recording.program}"`, '', reason);
  }
  current = recording;
  try {
    return fn();
  } finally {
    current = null;
  }
}
