import { existsSync, readdirSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';
import { diffConfig, GantryError, type RunConfig, type Transport } from '@gantry/common';
import { type ConfigFile, readConfigFile, resolveConfig } from '@gantry/common/config';
import { PRESETS } from '@gantry/gan/presets';
import { isGiven, settingsOf, textOf } from './arguments.js';
import type { Args } from './command.js';

/** Read where `--config` names no other. */
const CONFIG_FILE = 'gantry.yaml';
/** Run directories without `--out`. */
export const RUNS_FOLDER = 'runs';

/** The run that a command line describes: flags over `gantry.yaml` over preset over defaults. */
export async function configOf(args: Args, auto: { transport: Transport }): Promise<RunConfig> {
  const named = textOf(args, 'config');
  const file = await readConfigFile(named ?? CONFIG_FILE, named === undefined);
  return resolved(args, file, auto);
}

/** What transport `auto` means: memory inside a host, and tcp between hosts; /dev/shm exists on Linux alone. */
export function localTransport(): Transport {
  return process.platform === 'linux' ? 'shm' : 'tcp';
}

/**
 * The configuration with which a stored run goes on: its own, with the flags over it.
 * @throws GantryError GANTRY_RUN_NOT_FOUND; GANTRY_CONFIG_CHANGED naming the keys that may not change.
 */
export async function resumedConfigOf(args: Args, runDirectory: string): Promise<RunConfig> {
  const stored = await storedConfig(runDirectory);
  const before = resolved({}, stored, { transport: localTransport() });
  const after = resolved(args, stored, { transport: localTransport() });
  refuseChanges(before, after, isGiven(args, 'resume-with-changes'));
  return after;
}

/**
 * The configuration of a run that is gone on with where it was begun: what the settings file and the flags say, over its own.
 * What may not change is refused as the coordinator starts.
 */
export async function continuedConfigOf(args: Args, runDirectory: string): Promise<RunConfig> {
  const stored = await storedConfig(runDirectory);
  const named = textOf(args, 'config');
  const file = await readConfigFile(named ?? CONFIG_FILE, named === undefined);
  const settings = { ...stored.settings, ...file?.settings };
  return resolved(args, { ...stored, settings }, { transport: localTransport() });
}

/** Whether a run was begun in this folder: a power failure may have taken its journal, and left its checkpoints. */
export function holdsRun(runDirectory: string): boolean {
  const isThere = (name: string): boolean => existsSync(join(runDirectory, name));
  const saved = entriesOf(join(runDirectory, 'checkpoints')).filter((name) => /^(\.replaced-)?step-\d/.test(name));
  const isBegun = isThere('journal.json') || saved.length > 0;
  return isThere('config.yaml') && isBegun;
}

async function storedConfig(runDirectory: string): Promise<ConfigFile> {
  const path = join(runDirectory, 'config.yaml');
  const file = await readConfigFile(path, true);
  if (file !== undefined) return file;
  throw new GantryError(
    'GANTRY_RUN_NOT_FOUND',
    `${runDirectory} holds no run (there is no ${path}). Name a run directory with --out, or begin one with gantry train`,
  );
}

function refuseChanges(before: RunConfig, after: RunConfig, numbersMayChange: boolean): void {
  const changes = diffConfig(before, after);
  const refused = changes.filter(({ effect }) => effect === 'breaks' || (effect === 'numbers' && !numbersMayChange));
  if (refused.length === 0) return;
  const told = refused.map(({ key, from, to }) => `${key} (${String(from)} → ${String(to)})`).join(', ');
  const remedy = refused.some(({ effect }) => effect === 'breaks')
    ? 'Leave these flags out, or begin a new run with gantry train'
    : 'Add --resume-with-changes if it need not be bit for bit the undisturbed run';
  throw new GantryError('GANTRY_CONFIG_CHANGED', `the run cannot go on with these changes: ${told}. ${remedy}`, {
    details: { keys: refused.map(({ key }) => key).join(',') },
  });
}

/** What each preset sets. */
export function presetSettings(): Readonly<Record<string, Partial<RunConfig>>> {
  return Object.fromEntries(Object.values(PRESETS).map(({ name, defaults }) => [name, defaults]));
}

function resolved(args: Args, file: ConfigFile | undefined, auto: { transport: Transport }): RunConfig {
  return resolveConfig({
    flags: settingsOf(args),
    file,
    presets: presetSettings(),
    auto,
  });
}

/** `--out`, or the first `runs/NAME-N` that is not there, with the name of the preset or of the user's model file. */
export function runDirectoryOf(args: Args, { preset, model }: Pick<RunConfig, 'preset' | 'model'>): string {
  const name = model === null ? preset : parse(model).name;
  return resolve(textOf(args, 'out') ?? join(RUNS_FOLDER, nextName(name)));
}

function nextName(name: string): string {
  const taken = new Set(entriesOf(RUNS_FOLDER));
  let number = 1;
  while (taken.has(`${name}-${number}`)) number++;
  return `${name}-${number}`;
}

/** Names in a folder; none where there is no folder. */
export function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
