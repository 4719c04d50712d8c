import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import { installGradients } from '../gradients/install.js';
import type { Graph } from '../graph/graph.js';
import type { NamedTensors, Program } from '../program.js';
import { engine, keep, tidy } from '../tfjs.js';
import { CAPTURE_BACKEND, type CaptureBackend, randomError } from './capture-backend.js';
import { withLayerNames } from './origin.js';
import { Recording, unsupportedError, withRecording } from './recording.js';
import { captureBackend } from './register-kernels.js';
import { runProgram, withBackend } from './run-program.js';

/**
 * Runs a program once on the capture backend, and returns what it would compute as a graph of tfjs kernels. Leaves
 * tfjs as it was (backend, tensors, variables), also when it throws.
 *
 * @throws GantryError GANTRY_ENGINE_UNSUPPORTED naming kernel, layer and line, for what cannot be captured: a kernel
 *   without a rule, a tensor that is read, random numbers, a variable that the program changes
 * @throws GantryError GANTRY_MODEL_INVALID if it returns something else than named tensors
 */
export function trace(program: Program): Graph {
  installGradients();
  const backend = captureBackend();
  const recording = new Recording(program.name);
  withRecording(recording, () =>
    withBackend(CAPTURE_BACKEND, () =>
      withoutRandom(() =>
        withLayerNames(() => withVariablesKept(backend, program.name, () => run(program, recording, backend))),
      ),
    ),
  );
  return recording.build();
}

function run(program: Program, recording: Recording, backend: CaptureBackend): void {
  tidy(() => {
    const inputs: NamedTensors = {};
    for (const spec of program.inputs) {
      const symbol = backend.symbol(recording.input(spec), spec.shape, spec.dtype);
      inputs[spec.name] = engine().makeTensorFromTensorInfo(symbol);
    }
    for (const [name, tensor] of runProgram(program, inputs)) recording.output(name, backend.toValue(tensor));
  });
}

/** tfjs forgets to free what its gradient tape saved when an error ends a gradient. */
function dropTape(): void {
  const state = engine().state as unknown as { activeTape: { saved: Tensor[] }[] | null; gradientDepth: number };
  if (state.gradientDepth > 0 || state.activeTape == null) return;
  for (const { saved } of state.activeTape) for (const tensor of saved) tensor.dispose();
  state.activeTape = null;
}

/** Every random number of tfjs and its layers that has no seed begins with Math.random. */
function withoutRandom<T>(fn: () => T): T {
  const { random } = Math;
  Math.random = () => {
    throw randomError('Math.random');
  };
  try {
    return fn();
  } finally {
    Math.random = random;
  }
}

/** A variable that was left with a symbolic value would be lost for every later use: give it its own back, and complain. */
function withVariablesKept(backend: CaptureBackend, program: string, fn: () => void): void {
  const variables = Object.values(engine().registeredVariables) as Variable[];
  const originals = variables.map((variable) => keep(variable.clone()));
  let changed: Variable | undefined;
  try {
    fn();
  } finally {
    dropTape();
    variables.forEach((variable, i) => {
      const original = originals[i]!;
      if (!variable.isDisposed && variable.dataId !== original.dataId) {
        changed ??= variable;
        variable.assign(original);
      }
      original.dispose();
    });
    backend.dispose();
  }
  if (changed === undefined) return;
  const reason = 'a program must be pure; give the variable to withVariables, and return what was assigned to it';
  throw unsupportedError(program, `variable "${changed.name}", which the program changes,`, '', reason);
}
