import type { LocateError } from './source-position.js';

/** Frames that are looked through for the user's file: a layer that draws its weights lies two dozen below it. */
const STACK_DEPTH = 100;

/**
 * Runs `load` while Math.random throws where a user's file calls it, directly or through TensorFlow.js; it works for all
 * others, who may run while the file awaits something.
 *
 * Every process of a run loads the file for itself. Weights that are drawn as it is loaded, before there is a seed, would be
 * others in each, and nobody would notice.
 *
 * @param locate finds the user's file on a stack
 */
export async function withoutRandom<T>(locate: LocateError, load: () => Promise<T>): Promise<T> {
  const original = Math.random;
  Math.random = () => {
    const error = errorWithStack();
    if (locate(error) !== undefined) throw error;
    return original();
  };
  try {
    return await load();
  } finally {
    Math.random = original;
  }
}

function errorWithStack(): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_DEPTH;
  try {
    return new Error(
      'random numbers are drawn while the file is loaded, and would differ between the processes of a run. Build models ' +
        'inside generator() and discriminator(), where weights come from --seed, or give what draws here a seed of its own.',
    );
  } finally {
    Error.stackTraceLimit = limit;
  }
}
