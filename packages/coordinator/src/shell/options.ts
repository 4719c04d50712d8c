import { randomBytes, randomUUID } from 'node:crypto';
import path from 'node:path';
import { GantryError, type RunConfig } from '@gantry/common';
import type { Settings } from '../core/events.js';
import type { RunEvent, RunResult } from '../core/run-events.js';
import type { Journal } from './journal-file.js';
import { resumeCommand, takeOverCommand } from './resume-command.js';

/** Any free port of the loopback. */
export const BIND_DEFAULT = 'tcp://127.0.0.1:0';

export interface CoordinatorOptions {
  readonly config: RunConfig;
  /** The run's folder; made where it is missing. */
  readonly runDirectory: string;
  /** @default 'tcp://127.0.0.1:0', any free port of the loopback */
  readonly bind?: string;
  /** Folder of `gantry keygen`: links are encrypted, and only workers on its allow-list join. @default none */
  readonly keys?: string;
  /** Allows a `bind` that other machines can reach, without keys. @default false */
  readonly insecure?: boolean;
  /** Go on from the newest sound checkpoint of `runDirectory`. @default false */
  readonly resume?: boolean;
  /**
   * With `resume`: allow what leaves the state valid and changes the numbers: another engine or device, learning rate, loss or
   * penalty, other programs.
   * @default false
   */
  readonly allowNumbers?: boolean;
  /** Workers to start on this machine; the rest of `config.workers` join by hand. */
  readonly localWorkers: number;
  /** Program and first arguments of a local worker; `--join ENDPOINT --worker NAME [--hub]` follow. */
  readonly workerCommand: readonly string[];
  /** How a person calls Gantry, for messages. @default 'npx gantry' */
  readonly command?: string;
  /** What stays beside config.yaml, by name; a resume writes what is missing. @default nothing */
  readonly keptFiles?: Readonly<Record<string, string>>;
  readonly onEvent: (event: RunEvent) => void;
}

/**
 * The hub runs on this machine, and the workers of others connect to it where it reaches the coordinator.
 * @throws GantryError GANTRY_USAGE where that is no address.
 */
export function checkHub({ config, bind = BIND_DEFAULT, keys }: CoordinatorOptions): void {
  if (keys === undefined || config.topology !== 'star' || !/^tcp:\/\/(0\.0\.0\.0|\[::\]|\*):/.test(bind)) return;
  const message = `with topology star workers connect to the hub on this machine: --bind needs an address of its own, not ${bind}`;
  throw new GantryError('GANTRY_USAGE', message);
}

/** What messages call Gantry. */
export function commandOf(options: CoordinatorOptions): string {
  return options.command ?? 'npx gantry';
}

/** What takes over workers that were started by hand, and wait when their coordinator is gone; null: there are none. */
export function takeOverCommandOf(options: CoordinatorOptions): string | null {
  const { localWorkers, runDirectory, keys } = options;
  if (localWorkers > 0) return null;
  return takeOverCommand(commandOf(options), runDirectory, keys === undefined ? undefined : path.resolve(keys));
}

export interface RunningCoordinator {
  readonly runId: string;
  /** Where workers join. */
  readonly endpoint: string;
  /** Rejects with the GantryError that ended the run. By then every local worker has ended. */
  readonly done: Promise<RunResult>;
  /** Finish the step, save, end. */
  stop(): void;
  /** End now. */
  abort(reason: string): void;
}

/** Null: the journal that knew them is lost. */
function formerMembersOf(journal: Journal | null): string[] | null {
  return journal === null ? [] : (journal.members?.map(({ worker }) => worker) ?? null);
}

/** What the core is told of a run that begins at `startedMs`, or goes on from what `journal` says. */
export function settingsOf(options: CoordinatorOptions, journal: Journal | null, startedMs: number): Settings {
  const { config, runDirectory, localWorkers, resume = false, allowNumbers = false } = options;
  return {
    runId: journal?.runId ?? randomUUID().slice(0, 13),
    config,
    localWorkers: Array.from({ length: localWorkers }, (_, index) => `worker-${index}`),
    hub: config.topology === 'star' ? 'hub' : null,
    launchToken: randomBytes(24).toString('base64url'),
    hasKeys: options.keys !== undefined,
    resumeCommand: resumeCommand(commandOf(options), runDirectory),
    resume,
    allowNumbers,
    generation: journal?.generation ?? 0,
    distrusted: journal?.distrusted ?? 0,
    // Its own workers ended with the coordinator before; others may still be there.
    formerMembers: localWorkers > 0 ? [] : formerMembersOf(journal),
    startedMs,
  };
}

/** What is told first. */
export function startEventOf(
  { runId: run, config }: Settings,
  { runDirectory, endpoint, fromStep }: { runDirectory: string; endpoint: string; fromStep: number },
): RunEvent {
  const { preset, model, dataset, workers, shards, batch, steps } = config;
  const about = { preset, model, dataset, workers, shards, batch, steps, fromStep };
  return { event: 'start', run, runDirectory, endpoint, ...about };
}
