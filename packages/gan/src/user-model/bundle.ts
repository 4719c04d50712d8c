import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, Message, OutputFile, Plugin } from 'esbuild';
import { invalidModel, messageOf } from '../errors.js';

/** A user's file and everything it imports from beside it, as one JavaScript module. */
export interface ModelBundle {
  readonly code: string;
  /** Source map of `code`, as JSON text. */
  readonly map: string;
  /** SHA-256 in hex of the code without anything that depends on the machine: the same wherever file and Gantry lie. */
  readonly contentHash: string;
}

/** Stand in the bundle for what depends on the machine, until the hash has been taken. */
const MODULE_PREFIX = 'gantry-module:';
const MODEL_URL = 'gantry-model-url:';

const require = createRequire(import.meta.url);

/**
 * Bundles a TypeScript or JavaScript file for Node, without a build step of the user's. Gantry and TensorFlow.js are not
 * bundled but resolved to Gantry's own copies, wherever the file lies: two copies of tfjs-core would not know each other's
 * tensors.
 *
 * @param path absolute @throws GantryError GANTRY_MODEL_INVALID with file and line of the first syntax or import error
 */
export async function bundleModel(path: string): Promise<ModelBundle> {
  const { build } = await import('esbuild');
  const folder = dirname(path);
  try {
    const result = await build({
      entryPoints: [path],
      outdir: folder,
      absWorkingDir: folder,
      write: false,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      charset: 'utf8',
      sourcemap: 'external',
      sourcesContent: false,
      legalComments: 'none',
      logLevel: 'silent',
      tsconfigRaw: {},
      // CommonJS packages that a user bundles may call require; `import.meta.url` stays the file's own.
      banner: {
        js:
          `import { createRequire as __gantryRequire } from 'node:module'; const __gantryUrl = "${MODEL_URL}"; ` +
          'const require = __gantryRequire(__gantryUrl);',
      },
      define: { 'import.meta.url': '__gantryUrl' },
      plugins: [ownCopies],
    });
    return finish(result.outputFiles, path);
  } catch (error) {
    throw bundleError(error, path);
  }
}

function finish(files: readonly OutputFile[], path: string): ModelBundle {
  const text = (end: string) => files.find((file) => file.path.endsWith(end))?.text ?? '';
  const portable = text('.js');
  const code = portable
    .replaceAll(new RegExp(`"${MODULE_PREFIX}([^"]+)"`, 'g'), (_, name: string) => JSON.stringify(ownUrl(name)))
    .replace(`"${MODEL_URL}"`, () => JSON.stringify(pathToFileURL(path).href));
  return { code, map: text('.map'), contentHash: createHash('sha256').update(portable).digest('hex') };
}

function ownUrl(specifier: string): string {
  return pathToFileURL(require.resolve(specifier)).href;
}

const ownCopies: Plugin = {
  name: 'gantry-own-copies',
  setup(build) {
    // The union package is not among Gantry's dependencies; what its users mean by it is core and layers.
    build.onResolve({ filter: /^@tensorflow\/tfjs$/ }, () => ({ path: 'tfjs', namespace: 'gantry-union' }));
    build.onLoad({ filter: /.*/, namespace: 'gantry-union' }, () => ({
      contents: ['core', 'layers'].map((part) => `export * from '@tensorflow/tfjs-${part}';`).join('\n'),
      loader: 'js',
    }));
    build.onResolve({ filter: /^@(gantry|tensorflow)\// }, ({ path }) => resolveOwn(path));
  },
};

function resolveOwn(specifier: string) {
  try {
    require.resolve(specifier);
    return { path: MODULE_PREFIX + specifier, external: true };
  } catch {
    return {
      errors: [
        {
          text:
            `Gantry has no module "${specifier}". A model may import @gantry/gan, @tensorflow/tfjs-core, ` +
            '@tensorflow/tfjs-layers and @tensorflow/tfjs; the engine is chosen by --engine.',
        },
      ],
    };
  }
}

function bundleError(error: unknown, path: string): Error {
  const first: Message | undefined = (error as Partial<BuildFailure>).errors?.[0];
  if (first === undefined) return invalidModel(`${path}: ${messageOf(error)}`, { file: path }, error);
  const { location, text } = first;
  if (!location) return invalidModel(`${path}: ${text}`, { file: path });
  const at = `${location.file}:${location.line}:${location.column + 1}`;
  return invalidModel(`${path} cannot be loaded: ${text}\n  at ${at}\n  ${location.lineText.trim()}`, {
    file: path,
    line: location.line,
  });
}
