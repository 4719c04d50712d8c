import { GantryError } from '@gantry/common';
import type { Variable } from '@tensorflow/tfjs-core';
import type { NamedTensors, Program } from '../program.js';
import { engine, getBackend, setBackend, Tensor } from '../tfjs.js';
import { describeOrigin, userLine, withDeepStacks } from './origin.js';
import { MISSING_RULE } from './recording.js';

/** tfjs's own errors for what it lacks; they name neither program nor line. */
const MISSING: readonly (readonly [RegExp, string])[] = [
  [/^Kernel '(.+)' not registered/, 'kernel'],
  [/gradient function not found for (.+)\.$/, 'the gradient of kernel'],
];

/**
 * Runs a program's tfjs code on the active backend and checks what it returns.
 *
 * @returns the named tensors in the program's order
 * @throws GantryError GANTRY_ENGINE_UNSUPPORTED for a kernel that the backend does not have, or that has no gradient; for a
 *   variable that it creates
 * @throws GantryError GANTRY_MODEL_INVALID if it returns something else than named tensors
 */
export function runProgram(program: Program, inputs: NamedTensors): [string, Tensor][] {
  try {
    return withDeepStacks(() =>
      withoutNewVariables(program.name, () => checkOutputs(program.name, program.run(inputs))),
    );
  } catch (error) {
    throw namingProgram(program.name, error);
  }
}

/**
 * tfjs holds on to a variable until somebody disposes of it, so one that a program makes would pile up with every run, and
 * after a trace its value is a symbol that nothing can read: every later trace would stumble over it.
 */
function withoutNewVariables<T>(program: string, fn: () => T): T {
  const before = new Set(registeredVariables());
  let created: Variable[] = [];
  let result: T;
  try {
    result = fn();
  } finally {
    created = registeredVariables().filter((variable) => !before.has(variable));
    for (const variable of created) variable.dispose();
  }
  if (created.length === 0) return result;
  const message =
    `program "${program}" creates the variable "${created[0]!.name}" and leaves it behind; a program must be pure: create ` +
    'variables, models and optimizers outside of it, make what they hold inputs of the program (withVariables), and return ' +
    'what they become';
  throw new GantryError('GANTRY_ENGINE_UNSUPPORTED', message, { details: { program, variable: created[0]!.name } });
}

function registeredVariables(): Variable[] {
  return Object.values(engine().registeredVariables);
}

function namingProgram(program: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  for (const [pattern, what] of MISSING) {
    const kernel = pattern.exec(error.message)?.[1];
    if (kernel === undefined) continue;
    const line = userLine(error.stack);
    const where = line === '' ? '' : ` ${describeOrigin({ layer: '', line })}`;
    const message = `program "${program}": ${what} ${kernel}${where} does not exist on backend ${getBackend()}; write it with other operations`;
    return new GantryError('GANTRY_ENGINE_UNSUPPORTED', message, {
      cause: error,
      details: { kernel, line, missing: MISSING_RULE },
    });
  }
  return error;
}

function checkOutputs(program: string, outputs: NamedTensors): [string, Tensor][] {
  const entries = outputs === null || typeof outputs !== 'object' ? [] : Object.entries(outputs);
  const wrong = entries.find(([, value]) => !(value instanceof Tensor));
  if (entries.length > 0 && wrong === undefined) return entries;
  const what = wrong === undefined ? 'nothing' : `"${wrong[0]}", which is no tensor`;
  throw new GantryError('GANTRY_MODEL_INVALID', `program "${program}" must return named tensors, but returned ${what}`);
}

/**
 * Runs `fn` while `name` is tfjs's active backend. tf.setBackend is asynchronous in name only: for a backend that is
 * made synchronously, or made already, it is done when it returns.
 */
export function withBackend<T>(name: string, fn: () => T): T {
  // Asking for the backend makes tfjs choose one if nobody has yet, so that there is one to go back to.
  engine().backend;
  const previous = getBackend();
  if (previous === name) return fn();
  void setBackend(name);
  try {
    return fn();
  } finally {
    void setBackend(previous);
  }
}
