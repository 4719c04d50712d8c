import { dirname, resolve } from 'node:path';
import { resolveDatasetName } from '../dataset-name.js';
import { SETTING_KEYS, type Settings, settingsSchema } from './schema.js';
import { parseYamlFile, readYamlFile, type YamlFile, type YamlKind } from './yaml-file.js';

/** `gantry.yaml`, read and checked. */
export interface ConfigFile {
  readonly path: string;
  readonly settings: Settings;
  /** `gantry.yaml:3:8` of a key, for messages about it. */
  where(key: string): string;
}

const SETTINGS: YamlKind<Settings> = { what: 'configuration', schema: settingsSchema, keys: SETTING_KEYS };

/**
 * Reads a configuration in YAML 1.2 (JSON is YAML). Paths in it are taken from its own folder.
 * @returns undefined if there is no such file and `optional`.
 * @throws GantryError GANTRY_CONFIG_INVALID: missing, too large, no YAML, or values out of bounds, with line and column.
 */
export async function readConfigFile(path: string, optional = false): Promise<ConfigFile | undefined> {
  const file = await readYamlFile(path, SETTINGS, optional);
  return file === undefined ? undefined : configFile(file);
}

/** The text of a configuration file; `path` is for messages and for relative paths in it. */
export async function parseConfigFile(text: string, path: string): Promise<ConfigFile> {
  return configFile(await parseYamlFile(text, path, SETTINGS));
}

function configFile({ path, value, where }: YamlFile<Settings>): ConfigFile {
  return { path, settings: withPaths(value, dirname(path)), where };
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
