import path from 'node:path';
import { LOSSES_KEPT } from '../core/constants.js';
import type { LossRecord } from '../core/run-events.js';
import type { RunStatus } from '../core/status.js';
import { replaceFile } from './durable.js';
import { readRunFile } from './run-file.js';
import { isAlive, lockOwner, type Owner, thisProcess } from './run-lock.js';

export const STATUS_FILE = 'status.json';

/** A loss with the time of day; those of earlier coordinators of the run are among them. */
export interface StoredLoss extends Omit<LossRecord, 'atMs'> {
  /** ISO 8601. */
  readonly at: string;
}

/** status.json: the last word of a coordinator, about once a second, and at every loss. */
export interface StatusFile extends Omit<RunStatus, 'losses'> {
  readonly losses: readonly StoredLoss[];
  readonly owner: Owner;
  readonly endpoint: string;
  /** What a person types so that workers that wait go on; null: all of them end with the coordinator. */
  readonly takeOverCommand: string | null;
  /** ISO 8601. */
  readonly writtenAt: string;
}

/** What `gantry status` shows; `alive`: that coordinator still runs. */
export interface RunStatusReport extends StatusFile {
  readonly alive: boolean;
}

/** What the coordinators before have told of losses of this run. */
export type EarlierLosses = Pick<StatusFile, 'losses' | 'lossCount'>;

export const NO_LOSSES: EarlierLosses = { losses: [], lossCount: 0 };

export interface StatusWriterOptions {
  readonly runDirectory: string;
  readonly endpoint: string;
  readonly takeOverCommand: string | null;
  readonly earlier: EarlierLosses;
  /** How the run stands now. */
  readonly status: () => RunStatus;
}

/**
 * Keeps status.json: the whole file is replaced, so that readers, also those after a kill -9, see one status or the next.
 * Nobody waits for it, and it is of use to people only: that it cannot be written ends no run.
 *
 * Invariant: at most one write is under way; what is asked for meanwhile is one more, of the newest status.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  #writing: Promise<void> | null = null;
  #isStale = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** Resolves when the status of this moment, or a later one, is written or cannot be. */
  write(): Promise<void> {
    this.#isStale = true;
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      await this.#writeOnce().catch(() => {});
    }
    this.#writing = null;
  }

  async #writeOnce(): Promise<void> {
    const { runDirectory, endpoint, takeOverCommand, earlier, status } = this.#options;
    const owner = await thisProcess();
    const file = fileOf(status(), { endpoint, takeOverCommand, earlier, owner, nowMs: Date.now() });
    await replaceFile(path.join(runDirectory, STATUS_FILE), `${JSON.stringify(file)}\n`, { durable: false });
  }
}

interface Circumstances extends Pick<StatusWriterOptions, 'endpoint' | 'takeOverCommand' | 'earlier'> {
  readonly owner: Owner;
  /** Time of day. */
  readonly nowMs: number;
}

/** Ages become times of day, which last. */
export function fileOf(
  { losses, lossCount, ...status }: RunStatus,
  { earlier, nowMs, ...rest }: Circumstances,
): StatusFile {
  const own = losses.map(({ agoMs, ...loss }) => ({ ...loss, at: new Date(nowMs - agoMs).toISOString() }));
  return {
    ...status,
    losses: [...earlier.losses, ...own].slice(-LOSSES_KEPT),
    lossCount: earlier.lossCount + lossCount,
    ...rest,
    writtenAt: new Date(nowMs).toISOString(),
  };
}

/** Read before the first status of this coordinator is written. */
export async function earlierLosses(runDirectory: string, runId: string): Promise<EarlierLosses> {
  try {
    const { run, losses, lossCount } = await readRunFile<StatusFile>(runDirectory, STATUS_FILE);
    if (run === runId && Array.isArray(losses)) return { losses, lossCount };
  } catch {
    // There is none, or it is no status: nothing depends on it.
  }
  return NO_LOSSES;
}

/** What the file of an earlier version does not say. */
const UNKNOWN = { losses: [], lossCount: 0, absent: [], minWorkers: 1, leaseMs: Infinity, takeOverCommand: null };

/**
 * What a coordinator last said about its run, and whether it still lives.
 *
 * @throws GantryError GANTRY_RUN_NOT_FOUND
 */
export async function readStatus(runDirectory: string): Promise<RunStatusReport> {
  const status = await readRunFile<StatusFile>(runDirectory, STATUS_FILE);
  const owner = await lockOwner(runDirectory);
  return { ...UNKNOWN, ...status, alive: owner !== null && (await isAlive(owner)) };
}
