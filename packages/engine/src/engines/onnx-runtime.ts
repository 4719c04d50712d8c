import { SessionCache } from '../cache.js';
import { parseDevice, selectDevice } from '../devices.js';
import type { Graph } from '../graph/graph.js';
import type { DeviceDescription, Engine, Program } from '../program.js';
import { OnnxExecutable } from './onnx-executable.js';

/** What the engine needs of the rest: how a program becomes a kernel graph. */
export interface OnnxEnginePorts {
  readonly trace: (program: Program) => Graph;
}

export interface OnnxEngineOptions {
  /** `auto`, `cpu`, `webgpu`, `cuda[:N]`, `coreml`, `dml[:N]`. */
  readonly device: string;
  /** Intra-op threads of the cpu provider. */
  readonly threads: number;
}

/** Runs captured programs on ONNX Runtime. */
export class OnnxEngine implements Engine {
  readonly name = 'onnx';
  readonly device: DeviceDescription;
  readonly #ports: OnnxEnginePorts;
  readonly #cache: SessionCache;

  constructor(ports: OnnxEnginePorts, device: DeviceDescription, threads: number) {
    this.#ports = ports;
    this.device = device;
    const { provider, index } = parseDevice(device.id);
    this.#cache = new SessionCache({ provider, index, threads });
  }

  async compile(program: Program): Promise<OnnxExecutable> {
    return this.compileGraph(this.#ports.trace(program));
  }

  /** Compiles a graph of kernels. */
  compileGraph(graph: Graph): Promise<OnnxExecutable> {
    return OnnxExecutable.compile(graph, { provider: this.device.provider, cache: this.#cache });
  }

  dispose(): Promise<void> {
    return this.#cache.dispose();
  }
}

/**
 * Starts the engine on a device.
 *
 * @throws GantryError GANTRY_DEVICE_UNAVAILABLE if the device asked for does not work.
 */
export async function createOnnxEngine(ports: OnnxEnginePorts, options: OnnxEngineOptions): Promise<OnnxEngine> {
  const device = await selectDevice(options);
  return new OnnxEngine(ports, device, options.threads);
}
