import type { RunConfig } from '@gantry/common';
import { changeEffect, DEFAULT_ADAM, DEFAULT_CONFIG } from '@gantry/common/config';
import { PRESETS } from '@gantry/gan/presets';
import { BENCH_STEPS_DEFAULT } from './constants.js';
import { type OptionName, optionSpec } from './options.js';

type Texts = Readonly<Partial<Record<OptionName, string>>>;

const RUN_DIRECTORY = 'Run directory (required)';
const NEWEST_RUN = 'Run directory (default: the one in runs/ that was written last)';
const LIKE_THE_RUN = "(default: the run's own)";

/** Where an option means something else than elsewhere, or its default does; by command. */
const OWN_TEXTS: Readonly<Record<string, Texts>> = {
  status: { out: NEWEST_RUN },
  why: { out: NEWEST_RUN },
  resume: { out: RUN_DIRECTORY },
  keygen: {
    out: 'Folder for the keys (required)',
    workers: 'Make keys for worker-0, worker-1, … (default 2)',
    worker: 'Make keys for workers of these names: alice bob, or with commas (default: worker-0, worker-1, …)',
  },
  launch: { file: 'Cluster file (required)' },
  coordinator: { keys: 'Folder that gantry keygen made (default: GANTRY_KEYS)' },
  worker: {
    keys: 'Its file from the folder that gantry keygen made (default: GANTRY_KEYS)',
  },
  bench: { steps: `${optionSpec('steps').describe} (default ${BENCH_STEPS_DEFAULT})` },
  generate: {
    out: RUN_DIRECTORY,
    to: `${optionSpec('to').describe} (required)`,
    seed: 'Seed of the samples, not of the run (default 0)',
    engine: `${optionSpec('engine').describe} ${LIKE_THE_RUN}`,
    device: `${optionSpec('device').describe} ${LIKE_THE_RUN}`,
    threads: `${optionSpec('threads').describe} ${LIKE_THE_RUN}`,
  },
};

/** What `--help` of a command says of an option: what it is, and what holds without it. */
export function optionText(command: string, name: OptionName): string {
  const own = OWN_TEXTS[command]?.[name];
  if (own !== undefined) return own;
  const { describe, key, default: words } = optionSpec(name);
  if (command === 'resume' && key !== undefined) return `${describe} ${onResume(key)}`;
  if (words !== undefined) return `${describe} (default: ${words})`;
  return key === undefined ? describe : `${describe} (default ${defaultOf(key)})`;
}

/** A run that goes on keeps its settings; some can be changed. */
function onResume(key: string): string {
  const effect = changeEffect(key);
  if (effect === 'breaks') return '(fixed since the run began)';
  return effect === 'numbers' ? "(default: the run's own; another needs --resume-with-changes)" : LIKE_THE_RUN;
}

/** A value, or those of the presets where they differ. */
function defaultOf(key: string): string {
  const values = Object.values(PRESETS).map(({ name, defaults }) => ({ name, value: configured(key, defaults) }));
  const [first] = values;
  if (first !== undefined && values.every(({ value }) => value === first.value)) return first.value;
  return `by preset: ${values.map(({ name, value }) => `${name} ${value}`).join(', ')}`;
}

function configured(key: string, preset: Partial<RunConfig>): string {
  const config: Readonly<Record<string, unknown>> = { ...DEFAULT_CONFIG, adam: DEFAULT_ADAM, ...preset };
  const adam = config.adam as Readonly<Record<string, unknown>>;
  const value = key.startsWith('adam.') ? adam[key.slice('adam.'.length)] : config[key];
  return key.endsWith('Ms') ? `${String(value)}ms` : String(value);
}
