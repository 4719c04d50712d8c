import { GantryError } from '@gantry/common';
import type { Tensor } from '@tensorflow/tfjs-core';
import { installGradients } from '../gradients/install.js';
import type {
  BoundExecutable,
  DeviceDescription,
  DType,
  Engine,
  Executable,
  HostArray,
  HostArrays,
  NamedTensors,
  Program,
  TensorSpec,
} from '../program.js';
import { tensor, tidy, version_core } from '../tfjs.js';
import { runProgram, withBackend } from '../trace/run-program.js';
import { type EagerEngineName, loadEagerBackend } from './eager-backend.js';
import { programHash } from './eager-hash.js';

const DEVICES: Readonly<Record<EagerEngineName, Omit<DeviceDescription, 'reason'>>> = {
  js: { id: 'cpu', provider: 'js', label: `TensorFlow.js ${version_core} in JavaScript` },
  tensorflow: { id: 'cpu', provider: 'tensorflow', label: `TensorFlow.js ${version_core} on libtensorflow, cpu` },
  'tensorflow-gpu': {
    id: 'cuda:0',
    provider: 'tensorflow',
    label: `TensorFlow.js ${version_core} on libtensorflow, gpu`,
  },
};

/**
 * Makes an engine that runs programs eagerly: `js` on tfjs's own cpu backend (the oracle that tests compare the others
 * with), `tensorflow` and `tensorflow-gpu` on the optional packages of those engines. One code path for the three.
 *
 * @throws GantryError GANTRY_ENGINE_MISSING with the command that installs the package
 * @throws GantryError GANTRY_DEVICE_UNAVAILABLE for a device that this engine does not run on
 */
export async function createEagerEngine(name: EagerEngineName, device = 'auto'): Promise<Engine> {
  const description = DEVICES[name];
  checkDevice(name, device, description.id);
  const backend = await loadEagerBackend(name);
  installGradients();
  return {
    name,
    device: { ...description, reason: '' },
    compile: async (program) => compileEager(program, name, backend),
    dispose: async () => {},
  };
}

function checkDevice(name: EagerEngineName, device: string, id: string): void {
  const kind = id.split(':')[0]!;
  if (device === 'auto' || device === kind || device === id) return;
  const message = `engine ${name} runs on device ${id}, not on ${device}: leave --device out, or choose --engine onnx`;
  throw new GantryError('GANTRY_DEVICE_UNAVAILABLE', message, { details: { engine: name, device } });
}

/** Runs the program once, on zeros, to learn the shapes of its outputs and to fail now rather than in the first step. */
function compileEager(program: Program, engineName: string, backend: string): Executable {
  const zeros = Object.fromEntries(program.inputs.map((spec) => [spec.name, zeroArray(spec)]));
  const outputs: TensorSpec[] = [];
  evaluate(program, backend, zeros, (name, { shape, dtype }) => outputs.push({ name, shape, dtype: edgeDType(dtype) }));
  return {
    inputs: program.inputs,
    outputs,
    hash: programHash(program, outputs, `${engineName} ${version_core}`),
    bind: (inputs, bound) => bindEager({ program, backend, outputs }, inputs, bound),
    dispose: () => {},
  };
}

interface Compiled {
  readonly program: Program;
  readonly backend: string;
  readonly outputs: readonly TensorSpec[];
}

function bindEager({ program, backend, outputs }: Compiled, inputs: HostArrays, bound: HostArrays): BoundExecutable {
  for (const spec of program.inputs) checkArray(program.name, 'input', spec, inputs[spec.name]);
  for (const name of Object.keys(bound)) {
    const spec = outputs.find((output) => output.name === name);
    if (spec === undefined) throw edgeError(program.name, `it has no output "${name}"`);
    checkArray(program.name, 'output', spec, bound[name]);
  }
  const write = (name: string, value: Tensor): void => bound[name]?.set(value.dataSync());
  return {
    run(): undefined {
      evaluate(program, backend, inputs, write);
    },
  };
}

/** All outputs are computed before the first is handed on, so that an output may share memory with an input. */
function evaluate(
  program: Program,
  backend: string,
  inputs: HostArrays,
  onOutput: (name: string, value: Tensor) => void,
): void {
  withBackend(backend, () =>
    tidy(() => {
      const tensors: NamedTensors = {};
      for (const { name, shape, dtype } of program.inputs)
        tensors[name] = tensor(inputs[name]!.slice(), [...shape], dtype);
      for (const [name, value] of runProgram(program, tensors)) onOutput(name, value);
    }),
  );
}

function edgeDType(dtype: string): DType {
  return dtype === 'float32' ? 'float32' : 'int32';
}

const lengthOf = (spec: TensorSpec): number => spec.shape.reduce((product, size) => product * size, 1);

function zeroArray(spec: TensorSpec): HostArray {
  return spec.dtype === 'float32' ? new Float32Array(lengthOf(spec)) : new Int32Array(lengthOf(spec));
}

function checkArray(program: string, edge: string, spec: TensorSpec, array: HostArray | undefined): void {
  if (array === undefined) throw edgeError(program, `${edge} "${spec.name}" is not bound`);
  const isRightType = spec.dtype === 'float32' ? array instanceof Float32Array : array instanceof Int32Array;
  if (isRightType && array.length === lengthOf(spec)) return;
  const wanted = `${spec.dtype}[${spec.shape}]: ${lengthOf(spec)} numbers`;
  throw edgeError(
    program,
    `${edge} "${spec.name}" is ${wanted}, but was bound to ${array.length} in ${array.constructor.name}`,
  );
}

function edgeError(program: string, what: string): GantryError {
  return new GantryError('GANTRY_ENGINE_FAILED', `program "${program}": ${what}`, { details: { program } });
}
