import type { Tensor } from '@tensorflow/tfjs-core';

export type DType = 'float32' | 'int32';

/** A tensor at a program's edge. Scalars have shape []. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export type NamedTensors = Record<string, Tensor>;
export type HostArray = Float32Array | Int32Array;
export type HostArrays = Readonly<Record<string, HostArray>>;

/**
 * A TensorFlow.js program: ordinary tfjs code from named tensors to named tensors, of fixed shapes.
 * `run` must be pure: same inputs, same outputs, no `dataSync`, no randomness (it is an input).
 * Captured engines call it once, with symbolic tensors; eager engines call it every time.
 */
export interface Program {
  readonly name: string;
  readonly inputs: readonly TensorSpec[];
  run(inputs: NamedTensors): NamedTensors;
}

/** A compiled program. */
export interface Executable {
  readonly inputs: readonly TensorSpec[];
  /** In the order in which `run` returned them. */
  readonly outputs: readonly TensorSpec[];
  /** Content hash of graph, shapes, provider and runtime version, in hex: equal hash, equal program. */
  readonly hash: string;
  /**
   * Ties caller-owned arrays (views of flat buffers, also of mapped memory) to the edges, once; `run` then reads and
   * writes them in place and allocates nothing. Every input must be bound; an output that is not bound is not computed
   * where the engine can leave it out, and dropped otherwise. An output may share memory with an input of the same
   * shape if the program is element-wise in it.
   */
  bind(inputs: HostArrays, outputs: HostArrays): BoundExecutable;
  dispose(): void;
}

export interface BoundExecutable {
  /** Synchronous (returns undefined) on the cpu provider and eager engines; a promise where the device demands one. */
  run(): undefined | Promise<void>;
}

/** What runs programs on one device. A new engine is one file. */
export interface Engine {
  /** `onnx`, `js`, `tensorflow`, `tensorflow-gpu`. */
  readonly name: string;
  readonly device: DeviceDescription;
  /** @throws GantryError GANTRY_ENGINE_UNSUPPORTED naming kernel and layer, if the program uses what it cannot run. */
  compile(program: Program): Promise<Executable>;
  dispose(): Promise<void>;
}

export interface DeviceDescription {
  /** As given to `--device`, resolved: `cpu`, `webgpu:0`, `cuda:0` … */
  readonly id: string;
  readonly provider: 'cpu' | 'webgpu' | 'cuda' | 'coreml' | 'dml' | 'tensorflow' | 'js';
  /** For people: "ONNX Runtime 1.30.0 cpu, 1 thread, C interface". */
  readonly label: string;
  /** Why `auto` chose it; '' where it was named outright. */
  readonly reason: string;
}

export interface EngineOptions {
  readonly engine: 'onnx' | 'tensorflow-gpu' | 'tensorflow' | 'js';
  /** `auto`, `cpu`, `webgpu`, `cuda[:N]`, `coreml`, `dml[:N]`. */
  readonly device: string;
  readonly threads: number;
}
