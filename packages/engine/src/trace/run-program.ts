import { GantryError } from '@gantry/common';
import { engine, getBackend, setBackend, Tensor } from '@tensorflow/tfjs-core';
import type { NamedTensors, Program } from '../program.js';
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
 * @throws GantryError GANTRY_ENGINE_UNSUPPORTED for a kernel that the backend does not have, or that has no gradient
 * @throws GantryError GANTRY_MODEL_INVALID if it returns something else than named tensors
 */
export function runProgram(program: Program, inputs: NamedTensors): [string, Tensor][] {
  try {
    return withDeepStacks(() => checkOutputs(program.name, program.run(inputs)));
  } catch (error) {
    throw namingProgram(program.name, error);
  }
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
