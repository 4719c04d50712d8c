import path from 'node:path';
import { GantryError, type RunConfig } from '@gantry/common';
import type { JournalRecord } from '../core/events.js';
import { readManifest } from './checkpoint-reader.js';
import { cleanUnfinished, listCheckpoints, stepFolder } from './checkpoint-writer.js';
import type { CheckpointManifest } from './manifest.js';
import { readRunFile } from './run-file.js';

export const JOURNAL_FILE = 'journal.json';

/** What stays of a run: journal.json. */
export interface Journal extends Omit<JournalRecord, 'members'> {
  /** Null: what knew them is lost. */
  readonly members: JournalRecord['members'] | null;
  readonly runId: string;
  readonly gantryVersion: string;
  readonly config: RunConfig;
}

export interface FoundJournal {
  readonly journal: Journal;
  /** What was wrong with the file, for a person, where a checkpoint took its place; null: nothing. */
  readonly problem: string | null;
}

/**
 * The journal of a run, whose lock the caller has. A disk that says that it has synced and has not leaves it damaged, or takes it, when the power fails:
 * then the newest checkpoint says whose run it is, generations count from those that workers come back with, and all workers
 * are waited for who may have taken part. What was known of replicas that had diverged is lost.
 *
 * @throws GantryError GANTRY_RUN_NOT_FOUND where there is neither.
 */
export async function readJournal(runDirectory: string): Promise<FoundJournal> {
  try {
    const read = await readRunFile<Partial<Journal> | null>(runDirectory, JOURNAL_FILE);
    return { journal: checked(read, path.join(runDirectory, JOURNAL_FILE)), problem: null };
  } catch (error) {
    if (!isLost(error)) throw error;
    const checkpoints = path.join(runDirectory, 'checkpoints');
    await cleanUnfinished(checkpoints);
    const found = await newestManifest(checkpoints);
    if (found === null) throw isMissing(error) ? error : hopeless(error as GantryError);
    const problem = `${(error as Error).message}; the checkpoint of step ${found.manifest.step} takes its place`;
    return { journal: journalOf(found), problem };
  }
}

function checked(read: Partial<Journal> | null, file: string): Journal {
  const isWhole =
    typeof read?.runId === 'string' &&
    Number.isSafeInteger(read.generation) &&
    Array.isArray(read.members) &&
    typeof read.config?.seed === 'number';
  if (isWhole) return read as Journal;
  throw new GantryError('GANTRY_RUN_NOT_FOUND', `${file} is damaged`, { details: { file } });
}

function hopeless({ message, details }: GantryError): GantryError {
  const remedy = 'and there is no checkpoint to go on from: begin the run anew, with another --out';
  return new GantryError('GANTRY_RUN_NOT_FOUND', `${message}, ${remedy}`, { details });
}

function isMissing(error: unknown): boolean {
  return (error as { cause?: NodeJS.ErrnoException }).cause?.code === 'ENOENT';
}

/** It is not there, or not what was written; whatever else keeps it from being read is for a person to mend. */
function isLost(error: unknown): boolean {
  const { cause } = error as { cause?: NodeJS.ErrnoException };
  return cause === undefined || cause instanceof SyntaxError || isMissing(error);
}

interface FoundManifest {
  readonly manifest: CheckpointManifest;
  readonly config: RunConfig;
  readonly path: string;
}

/** Null: there is none that can be read. */
async function newestManifest(checkpoints: string): Promise<FoundManifest | null> {
  for (const step of (await listCheckpoints(checkpoints)).toReversed()) {
    const folder = path.join(checkpoints, stepFolder(step));
    try {
      const manifest = await readManifest(folder);
      return { manifest, config: JSON.parse(manifest.runConfigJson) as RunConfig, path: folder };
    } catch {
      // Damaged: an older one says the same.
    }
  }
  return null;
}

function journalOf({ manifest, config, path: folder }: FoundManifest): Journal {
  const { runId, gantryVersion, update, step, stateSha256 } = manifest;
  const checkpoint = { update, step, stateSha256, path: folder };
  return {
    runId,
    gantryVersion,
    config,
    generation: 0,
    committedUpdate: update,
    checkpoint,
    members: null,
    distrusted: 0,
  };
}
