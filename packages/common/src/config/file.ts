import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { resolveDatasetName } from '../dataset-name.js';
import { GantryError } from '../errors.js';
import { problemsOf, throwProblems } from './problems.js';
import { type Settings, settingsSchema } from './schema.js';
import { parseYaml } from './yaml-document.js';

/** A configuration is some dozens of lines. Some work of `yaml` is quadratic: 240 KB of tags took it a minute, this a second. */
export const CONFIG_BYTES_MAX = 32 * 1024;

/** `gantry.yaml`, read and checked. */
export interface ConfigFile {
  readonly path: string;
  readonly settings: Settings;
  /** `gantry.yaml:3:8` of a key, for messages about it. */
  where(key: string): string;
}

/**
 * Reads a configuration in YAML 1.2 (JSON is YAML). Paths in it are taken from its own folder.
 * @returns undefined if there is no such file and `optional`.
 * @throws GantryError GANTRY_CONFIG_INVALID: missing, too large, no YAML, or values out of bounds, with line and column.
 */
export async function readConfigFile(path: string, optional = false): Promise<ConfigFile | undefined> {
  const text = await readBounded(path, optional);
  return text === undefined ? undefined : parseConfigFile(text, path);
}

async function readBounded(path: string, optional: boolean): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size <= CONFIG_BYTES_MAX) return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' && optional) return undefined;
    const what = code === 'ENOENT' ? 'there is no such file' : message;
    throw new GantryError('GANTRY_CONFIG_INVALID', `cannot read the configuration ${path}: ${what}`, { cause });
  }
  throw new GantryError(
    'GANTRY_CONFIG_INVALID',
    `${path} is larger than ${CONFIG_BYTES_MAX} bytes: not a configuration`,
  );
}

/** The text of a configuration file; `path` is for messages and for relative paths in it. */
export async function parseConfigFile(text: string, path: string): Promise<ConfigFile> {
  const { value, where } = await parseYaml(text, path);
  const parsed = settingsSchema.safeParse(value);
  if (!parsed.success) throwProblems(problemsOf(parsed.error.issues, value, where));
  return { path, settings: withPaths(parsed.data!, dirname(path)), where: (key) => where(key.split('.')) };
}

/** Makes the paths among the settings absolute. */
export function withPaths(settings: Settings, folder: string): Settings {
  const { model, dataset } = settings;
  return {
    ...settings,
    ...(typeof model === 'string' ? { model: resolve(folder, model) } : {}),
    ...(dataset === undefined ? {} : { dataset: resolveDatasetName(dataset, folder) }),
  };
}
