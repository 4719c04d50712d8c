import type { BackendValues, DataType, TensorInfo } from '@tensorflow/tfjs-core';
import type { ValueId } from '../graph/graph.js';
import { engine, KernelBackend } from '../tfjs.js';
import { currentLayer } from './origin.js';
import { type CapturedData, type ConstantData, currentRecording, unsupportedError } from './recording.js';

/** The name under which the capture backend is registered with tfjs. */
export const CAPTURE_BACKEND = 'gantry-capture';

/**
 * A tfjs backend that holds no numbers: each of its data ids stands for a value of the graph that is being recorded, or
 * for a constant that may still enter it. Reference counts are tfjs's: tensors that are aliases share a data id.
 *
 * Tensors of other backends are never moved here (as tfjs's DataStorage would), so that a model that was built on
 * another backend is still there, untouched, when the trace is over.
 */
export class CaptureBackend extends KernelBackend {
  readonly #data = new Map<object, CapturedData>();

  /** Makes a data id for a value of the graph. The caller wraps it into a tensor, which holds the one reference. */
  symbol(value: ValueId, shape: readonly number[], dtype: DataType): TensorInfo {
    const dataId = {};
    this.#data.set(dataId, { shape, dtype, data: null, value, refCount: 1 });
    return { dataId, shape: [...shape], dtype };
  }

  owns(dataId: object): boolean {
    return this.#data.has(dataId);
  }

  /** The value that a tensor stands for; constants and tensors of other backends enter the graph here. */
  toValue(info: TensorInfo): ValueId {
    const recording = currentRecording();
    const captured = this.#data.get(info.dataId);
    if (captured === undefined) return recording.foreignValue(info);
    captured.value ??= recording.constant(captured.dtype, captured.shape, captured.data!);
    return captured.value;
  }

  /** Another tensor over the same data, whoever's it is. */
  alias(info: TensorInfo): TensorInfo {
    this.incRef(info.dataId);
    return { dataId: info.dataId, shape: info.shape, dtype: info.dtype };
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): object {
    refuseRandom();
    const dataId = {};
    this.#data.set(dataId, { shape, dtype, data: values as ConstantData, value: null, refCount: 1 });
    return dataId;
  }

  override move(dataId: object, values: BackendValues, shape: number[], dtype: DataType, refCount: number): void {
    this.#data.set(dataId, { shape, dtype, data: values as ConstantData, value: null, refCount });
  }

  override readSync(dataId: object): BackendValues {
    const captured = this.#data.get(dataId);
    if (captured?.data != null) return captured.data;
    const reason = 'a value is known only when the program runs; use tf.where instead of a branch on it';
    throw unsupportedError(
      currentRecording().program,
      'reading a tensor (dataSync, data, print …)',
      currentLayer(),
      reason,
    );
  }

  override async read(dataId: object): Promise<BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: object, force = false): boolean {
    const captured = this.#data.get(dataId);
    if (captured === undefined) return true;
    captured.refCount--;
    if (!force && captured.refCount > 0) return false;
    this.#data.delete(dataId);
    return true;
  }

  /** tfjs asks the active backend, even for a tensor of another one (Variable.assign). */
  override incRef(dataId: object): void {
    const captured = this.#data.get(dataId);
    if (captured !== undefined) captured.refCount++;
    else this.#otherOwner(dataId)?.incRef(dataId);
  }

  /** Of a tensor that outlived its trace tfjs still says that this backend owns it. */
  #otherOwner(dataId: object): KernelBackend | undefined {
    const owner = ownerOf(dataId);
    return owner === this ? undefined : owner;
  }

  override refCount(dataId: object): number {
    return this.#data.get(dataId)?.refCount ?? 0;
  }

  override numDataIds(): number {
    return this.#data.size;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  /** Forgets everything: what is left after a trace belongs to tensors that nobody can use any more. */
  override dispose(): void {
    this.#data.clear();
  }
}

function ownerOf(dataId: object): KernelBackend | undefined {
  const { tensorInfo } = engine().state as unknown as { tensorInfo: WeakMap<object, { backend: KernelBackend }> };
  return tensorInfo.get(dataId)?.backend;
}

/** tfjs's ops that draw numbers, also from a seed of their own; each would be frozen into the graph. */
const RANDOM_OPS = new Set(
  [
    'rand',
    'randomNormal',
    'randomUniform',
    'randomUniformInt',
    'randomStandardNormal',
    'truncatedNormal',
    'randomGamma',
  ].map((name) => `${name}__op`),
);

/** tfjs runs each op in a scope of the op's name, and a random op ends in the write of its numbers. */
function refuseRandom(): void {
  const { scopeStack } = engine().state as unknown as { scopeStack: readonly { name: string }[] };
  const scope = scopeStack.find(({ name }) => RANDOM_OPS.has(name));
  if (scope !== undefined) throw randomError(`tf.${scope.name.replace('__op', '')}`);
}

/** Random numbers in a program would be drawn once, when it is captured, and be the same in every step. */
export function randomError(what: string): Error {
  const reason =
    'its numbers would be the same in every step; make random numbers an input of the program (and build models and their weights outside of it)';
  return unsupportedError(currentRecording().program, what, currentLayer(), reason, { kernel: what });
}
