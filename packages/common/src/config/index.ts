// Entry `@gantry/common/config`: apart from the main one because zod takes a tenth of a second to load, and workers,
// which get a resolved RunConfig, never need it.
export { DEFAULT_ADAM, DEFAULT_CONFIG } from './defaults.js';
export { changeEffect } from './diff.js';
export { CONFIG_BYTES_MAX, type ConfigFile, parseConfigFile, readConfigFile } from './file.js';
export { flagOf } from './flags.js';
export { type ConfigProblem, problemsOf, throwProblems } from './problems.js';
export { type ConfigSources, parseRunConfig, resolveConfig } from './resolve.js';
export { configJsonSchema, LIMITS, SETTING_KEYS, type Settings } from './schema.js';
export { parseYaml, type YamlDocument } from './yaml-document.js';
