// Entry `@gantry/common/config`: apart from the main one because zod takes a tenth of a second to load, and workers,
// which get a resolved RunConfig, never need it.
export { DEFAULT_ADAM, DEFAULT_CONFIG } from './defaults.js';
export { changeEffect } from './diff.js';
export { type ConfigFile, parseConfigFile, readConfigFile, withPaths } from './file.js';
export { flagOf } from './flags.js';
export { type ConfigProblem, throwProblems } from './problems.js';
export { type ConfigSources, parseRunConfig, resolveConfig } from './resolve.js';
export { configJsonSchema, LIMITS, SETTING_KEYS, type Settings, settingsSchema } from './schema.js';
export {
  CONFIG_BYTES_MAX,
  parseYamlFile,
  readYamlFile,
  type YamlFile,
  type YamlKind,
} from './yaml-file.js';
