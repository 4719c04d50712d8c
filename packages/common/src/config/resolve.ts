import type { RunConfig, Transport } from '../config-types.js';
import { suggestion } from '../text.js';
import { CROSS_CHECKS } from './cross-checks.js';
import { DEFAULT_ADAM, DEFAULT_CONFIG } from './defaults.js';
import { type ConfigFile, withPaths } from './file.js';
import { flagOf } from './flags.js';
import { type ConfigProblem, problemsOf, throwProblems } from './problems.js';
import { LIMITS, runConfigSchema, SETTING_KEYS, type Settings, settingsSchema } from './schema.js';

/** Where a run's settings come from, strongest first. */
export interface ConfigSources {
  /** Flags in the form of `gantry.yaml`; unchecked. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly file?: ConfigFile | undefined;
  /** What each preset sets. */
  readonly presets: Readonly<Record<string, Partial<RunConfig>>>;
  /** What `auto` means here. @default shm; topology stays auto where it is measured */
  readonly auto?: { readonly transport: Transport };
  /** Folder that paths among the flags start from. @default process.cwd() */
  readonly workingDirectory?: string;
}

/**
 * One checked `RunConfig` out of flags over file over preset over defaults.
 * @throws GantryError GANTRY_CONFIG_INVALID listing every problem: key, value, bound, what to do, and where it was given.
 */
export function resolveConfig(sources: ConfigSources): RunConfig {
  const flags = checkedFlags(sources.flags ?? {}, sources.workingDirectory ?? process.cwd());
  const { file } = sources;
  const preset = flags.preset ?? file?.settings.preset ?? DEFAULT_CONFIG.preset;
  const source = (key: string): string => sourceOf(key, flags, file, preset);
  const known = Object.hasOwn(sources.presets, preset) ? sources.presets[preset] : undefined;
  if (known === undefined) throwProblems([unknownPreset(preset, source('preset'), Object.keys(sources.presets))]);
  const config = merged([known ?? {}, file?.settings ?? {}, flags], preset, sources.auto);
  throwProblems(crossProblems(config, source));
  return config;
}

/**
 * A stored or received RunConfig, checked again: it came from a file or a socket.
 * @throws GantryError GANTRY_CONFIG_INVALID
 */
export function parseRunConfig(value: unknown, origin: string): RunConfig {
  const parsed = runConfigSchema.safeParse(value);
  if (!parsed.success)
    throwProblems(problemsOf(parsed.error.issues, value, { where: () => origin, keys: SETTING_KEYS }));
  const config = parsed.data as RunConfig;
  throwProblems(crossProblems(config, () => origin));
  return config;
}

function checkedFlags(flags: Readonly<Record<string, unknown>>, folder: string): Settings {
  const parsed = settingsSchema.safeParse(flags);
  if (!parsed.success)
    throwProblems(
      problemsOf(parsed.error.issues, flags, { where: (path) => flagOf(path.join('.')), keys: SETTING_KEYS }),
    );
  return withPaths(parsed.data!, folder);
}

/** What a layer may set; a preset is code, not input, and may name a loss that the schema does not list. */
type Layer = Settings | Partial<RunConfig>;

/** Later layers win; Adam's settings one by one. */
function merged(layers: readonly Layer[], preset: string, auto: ConfigSources['auto']): RunConfig {
  const given: Partial<RunConfig> & Pick<Settings, 'transport' | 'topology'> = Object.assign({}, ...layers);
  const adam = Object.assign({}, DEFAULT_ADAM, ...layers.map((layer) => layer.adam ?? {}));
  const { transport = 'auto', topology = 'auto' } = given;
  const base = { ...DEFAULT_CONFIG, ...given };
  return {
    ...base,
    preset,
    shards: given.shards ?? base.workers,
    maxWorkers: given.maxWorkers ?? Math.min(LIMITS.workers, Math.max(base.workers, given.shards ?? base.workers)),
    adam,
    transport: transport === 'auto' ? (auto?.transport ?? 'shm') : transport,
    topology,
  };
}

function crossProblems(config: RunConfig, source: (key: string) => string): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const { key, broken } of CROSS_CHECKS) {
    const text = broken(config);
    if (text !== undefined) problems.push({ where: source(key), key, value: config[key], text });
  }
  return problems;
}

function unknownPreset(preset: string, where: string, names: readonly string[]): ConfigProblem {
  const text = `is not one of ${names.join(', ')}.${suggestion(preset, names)}`;
  return { where, key: 'preset', value: preset, text };
}

function sourceOf(key: string, flags: Settings, file: ConfigFile | undefined, preset: string): string {
  if (key in flags) return flagOf(key);
  if (file !== undefined && key in file.settings) return file.where(key);
  return key in DEFAULT_CONFIG ? `preset ${preset} or default` : 'default';
}
