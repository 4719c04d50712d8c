import { GantryError } from '@gantry/common';
import type { EngineOptions } from '../program.js';
import { setBackend, Tensor, version_core } from '../tfjs.js';
import { CPU_BACKEND } from './cpu-backend.js';

/** The engines that run a program's tfjs code every time, instead of capturing it once. */
export type EagerEngineName = Exclude<EngineOptions['engine'], 'onnx'>;

const PACKAGES: Readonly<Record<Exclude<EagerEngineName, 'js'>, string>> = {
  tensorflow: '@tensorflow/tfjs-node',
  'tensorflow-gpu': '@tensorflow/tfjs-node-gpu',
};

/** What Gantry looks at in a package of TensorFlow.js. */
export interface TensorFlowModule {
  readonly Tensor?: unknown;
  readonly version_core?: string;
}

/**
 * Loads the backend of an eager engine, and returns the name under which tfjs knows it.
 *
 * @throws GantryError GANTRY_ENGINE_MISSING if its package is not installed, or does not load
 * @throws GantryError GANTRY_ENGINE_FAILED if its package brings another tfjs-core along
 */
export async function loadEagerBackend(name: EagerEngineName): Promise<string> {
  const backend = name === 'js' ? CPU_BACKEND : 'tensorflow';
  if (name !== 'js') checkSharedCore(PACKAGES[name], await importPackage(name, PACKAGES[name]));
  if (await setBackend(backend)) return backend;
  throw new GantryError('GANTRY_ENGINE_FAILED', `engine ${name}: TensorFlow.js could not start its backend ${backend}`);
}

async function importPackage(engine: string, packageName: string): Promise<TensorFlowModule> {
  try {
    const module = (await import(packageName)) as TensorFlowModule & { default?: TensorFlowModule };
    return module.Tensor === undefined ? (module.default ?? module) : module;
  } catch (error) {
    const isAbsent = (error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND';
    const what = isAbsent ? 'is not installed' : `does not load (${(error as Error).message.split('\n')[0]})`;
    const message =
      `engine ${engine} needs the optional package ${packageName}, which ${what}. Install it with ` +
      `"npm install --no-save --ignore-scripts=false ${packageName}@${version_core}" (it downloads libtensorflow), or use --engine onnx`;
    const details = { engine, package: packageName };
    throw new GantryError('GANTRY_ENGINE_MISSING', message, { cause: error, details });
  }
}

/** Two copies of tfjs-core know nothing of each other's tensors, gradients and variables. */
export function checkSharedCore(packageName: string, module: TensorFlowModule): void {
  if (module.Tensor === Tensor) return;
  const message =
    `${packageName} brings a tfjs-core of its own (${module.version_core ?? 'of unknown version'}) beside Gantry's ` +
    `${version_core}. Install the same version, so that both share one: "npm install --no-save --ignore-scripts=false ${packageName}@${version_core}"`;
  throw new GantryError('GANTRY_ENGINE_FAILED', message, { details: { package: packageName } });
}
