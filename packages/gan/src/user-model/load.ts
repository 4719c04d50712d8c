import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { GantryError } from '@gantry/common';
import { registerLocator } from '@gantry/engine';
import type { Tensor } from '@tensorflow/tfjs-core';
import { checkDefinition, DEFINITION_KEYS } from '../define-gan.js';
import type { GanDefinition, LoadedDefinition } from '../definition.js';
import { invalidModel, messageOf } from '../errors.js';
import { bundleModel } from './bundle.js';
import { createLocator, type LocateError } from './source-position.js';
import { withoutRandom } from './without-random.js';

/** Frames that an error keeps: between what throws and the user's line lie a dozen of TensorFlow.js's own. */
const STACK_DEPTH = 50;
const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs'];

/**
 * Loads the GAN that a file exports by default.
 * @throws GantryError GANTRY_MODEL_NOT_FOUND, GANTRY_MODEL_INVALID naming file and line
 */
export async function loadUserDefinition(givenPath: string): Promise<LoadedDefinition> {
  const path = resolve(givenPath);
  await checkFile(path);
  const bundle = await bundleModel(path);
  const scriptName = `gantry-model-${bundle.contentHash.slice(0, 12)}.mjs`;
  const locate = createLocator(scriptName, bundle.map, path);
  registerLocator(scriptName, locate);
  const exports = await evaluate(`${bundle.code}\n//# sourceURL=${scriptName}\n`, path, locate);
  const definition = definitionIn(exports, path);
  return { definition: located(definition, path, locate), contentHash: bundle.contentHash, path };
}

async function checkFile(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) {
    throw new GantryError(
      'GANTRY_MODEL_NOT_FOUND',
      `there is no file ${path}; --model takes the path of a .ts or .js file.`,
      {
        details: { file: path },
      },
    );
  }
  if (info.isFile() && EXTENSIONS.includes(extname(path))) return;
  throw invalidModel(`${path} is not a ${EXTENSIONS.join(', ')} file with \`export default defineGan({ … })\`.`, {
    file: path,
  });
}

/** A data: module needs no file to be written and cleaned up; sourceURL gives it a short name in stacks. */
async function evaluate(code: string, path: string, locate: LocateError): Promise<Record<string, unknown>> {
  try {
    const url = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`;
    return await withoutRandom(locate, () => import(/* @vite-ignore */ url));
  } catch (error) {
    throw failure(error, path, locate);
  }
}

function definitionIn(exports: Record<string, unknown>, path: string): GanDefinition {
  if (exports.default === undefined) {
    const names = Object.keys(exports);
    const what = names.length === 0 ? 'exports nothing' : `exports ${names.join(', ')}, but has no default export`;
    throw invalidModel(`${path} ${what}; expected \`export default defineGan({ … })\`.`, { file: path });
  }
  const given = exports.default;
  const keys = typeof given === 'object' && given !== null ? Object.keys(given) : [];
  if (!keys.some((key) => DEFINITION_KEYS.includes(key))) {
    const what = `the default export is ${describeExport(given, keys)}`;
    const must = `it must be what defineGan returns, or an object with ${DEFINITION_KEYS.join(', ')}`;
    throw invalidModel(`${path}: ${what}; ${must}: \`export default defineGan({ … })\`.`, { file: path });
  }
  try {
    return checkDefinition(given as GanDefinition, 'the default export has');
  } catch (error) {
    throw invalidModel(`${path}: ${messageOf(error)}`, { file: path }, error);
  }
}

function describeExport(given: unknown, keys: readonly string[]): string {
  if (typeof given === 'function') return `a function${given.name ? ` (${given.name})` : ''}`;
  if (Array.isArray(given)) return 'an array';
  if (typeof given !== 'object' || given === null) return JSON.stringify(given) ?? String(given);
  const kind = given.constructor?.name ?? 'Object';
  if (kind !== 'Object') return `an object of class ${kind}`;
  return keys.length === 0 ? 'an empty object' : `an object with ${keys.slice(0, 8).join(', ')} only`;
}

/** The same definition, whose functions name file and line when they fail. */
function located(definition: GanDefinition, path: string, locate: LocateError): GanDefinition {
  const guard =
    <A extends unknown[], T>(call: (...args: A) => T) =>
    (...args: A): T => {
      const limit = Error.stackTraceLimit;
      Error.stackTraceLimit = STACK_DEPTH;
      try {
        return call(...args);
      } catch (error) {
        // What Gantry says of a loss (a kernel that cannot be captured) names the line already, by the registered locator.
        throw error instanceof GantryError ? error : failure(error, path, locate);
      } finally {
        Error.stackTraceLimit = limit;
      }
    };
  const { loss } = definition;
  return {
    ...definition,
    generator: guard(() => definition.generator()),
    discriminator: guard(() => definition.discriminator()),
    ...(typeof loss === 'object' && {
      loss: {
        name: loss.name,
        discriminator: guard((real: Tensor, fake: Tensor) => loss.discriminator(real, fake)),
        generator: guard((fake: Tensor) => loss.generator(fake)),
      },
    }),
  };
}

function failure(error: unknown, path: string, locate: LocateError): GantryError {
  const position = locate(error);
  const at = position === undefined ? path : `${position.file}:${position.line}`;
  return invalidModel(
    `${at}: ${messageOf(error)}`,
    { file: position?.file ?? path, line: position?.line ?? null },
    error,
  );
}
