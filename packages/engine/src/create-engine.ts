import type { Engine, EngineOptions } from './program.js';

/**
 * Starts the engine that `--engine` and `--device` ask for. Each engine's packages are loaded only when it is chosen.
 *
 * @throws GantryError GANTRY_ENGINE_MISSING if the engine needs a package that is not installed
 * @throws GantryError GANTRY_DEVICE_UNAVAILABLE if the device asked for does not work
 *
 * @example
 * const engine = await createEngine({ engine: 'onnx', device: 'auto', threads: 1 });
 * const executable = await engine.compile(program);
 * const bound = executable.bind({ x: new Float32Array(4) }, { y: new Float32Array(4) });
 * await bound.run();
 */
export async function createEngine({ engine, device, threads }: EngineOptions): Promise<Engine> {
  if (engine !== 'onnx') {
    const { createEagerEngine } = await import('./engines/eager.js');
    return createEagerEngine(engine, device);
  }
  const [{ createOnnxEngine }, { trace }] = await Promise.all([
    import('./engines/onnx-runtime.js'),
    import('./trace/trace.js'),
  ]);
  return createOnnxEngine({ trace }, { device, threads });
}
