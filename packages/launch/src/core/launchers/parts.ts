import { GantryError, shellQuote } from '@gantry/common';
import { stringify } from 'yaml';
import type { Cluster } from '../cluster.js';
import type { LaunchContext, PlannedFile } from '../plan.js';

/** Makes a process leave when its standard input ends: with the launcher, however that ends. */
export const LEAVE_ON_EOF = { GANTRY_LEAVE_ON_EOF: '1' } as const;

/** The settings of the run as the coordinator reads them. */
export function settingsFile({ run }: Cluster, { folder }: Pick<LaunchContext, 'folder'>): PlannedFile {
  return { path: `${folder}/gantry.yaml`, text: stringify(run.settings) };
}

/** Where the coordinator finds its settings, its run and its keys, and where it listens. */
export interface CoordinatorPlace {
  readonly settings: string;
  readonly out: string;
  readonly bind: string;
  readonly keys: string | null;
}

/** Arguments of a coordinator that begins the run, or goes on with it where it was begun before. */
export function coordinatorArguments({ settings, out, bind, keys }: CoordinatorPlace): string[] {
  const keyed = keys === null ? [] : ['--keys', keys];
  return ['coordinator', '--continue', '--json', '--config', settings, '--out', out, '--bind', bind, ...keyed];
}

/**
 * Names of the workers that there are keys for: each needs its own.
 * @throws GantryError GANTRY_KEYS_INVALID where there are fewer than workers
 */
export function workersWithKeys({ workers, keys }: Cluster, { workerKeys }: LaunchContext): readonly string[] {
  if (workerKeys.length >= workers) return workerKeys;
  const message = `${keys} has keys for ${workerKeys.length} workers, and ${workers} are wanted: ${addKeys(keys!, workerKeys, workers)}`;
  throw new GantryError('GANTRY_KEYS_INVALID', message);
}

/** What to type for the keys that are missing. */
export function addKeys(folder: string, known: readonly string[], workers: number): string {
  return `npx gantry keygen --add --out ${shellQuote(folder)} --worker ${missingNames(known, workers).join(' ')}`;
}

function missingNames(known: readonly string[], workers: number): string[] {
  const names: string[] = [];
  for (let index = 0; known.length + names.length < workers; index++) {
    if (!known.includes(`worker-${index}`)) names.push(`worker-${index}`);
  }
  return names;
}
