import { existsSync } from 'node:fs';
import { appendFile, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { GANTRY_VERSION, GantryError, type RunConfig } from '@gantry/common';
import type { JournalRecord } from '../core/events.js';
import { cleanUnfinished, listCheckpoints } from './checkpoint-writer.js';
import { FLIGHT_SUFFIX, METRICS_FLUSH_MS } from './constants.js';
import { fileError, replaceFile } from './durable.js';
import { JOURNAL_FILE, type Journal } from './journal-file.js';
import { makeFolder } from './make-folder.js';
import { resumeCommand } from './resume-command.js';
import { lockRun } from './run-lock.js';
import { toYaml } from './yaml.js';

const SUBFOLDERS = ['checkpoints', 'samples', 'logs'];

/**
 * The folder of a run: config.yaml, journal.json, status.json, metrics.jsonl, checkpoints/, samples/, logs/, and the lock
 * that keeps a second coordinator out.
 */
export class RunDirectory {
  readonly path: string;
  readonly #release: () => Promise<void>;
  /** It was not there before. */
  readonly #isNew: boolean;
  #journal: Omit<Journal, keyof JournalRecord> | null = null;
  #rows: string[] = [];
  #flushing: Promise<void> = Promise.resolve();
  #journaling: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  private constructor(folder: string, options: { release: () => Promise<void>; isNew: boolean }) {
    this.path = folder;
    this.#release = options.release;
    this.#isNew = options.isNew;
  }

  /**
   * Makes the folder where it is missing and locks it.
   *
   * @throws GantryError GANTRY_RUN_LOCKED
   */
  static async open(folder: string): Promise<RunDirectory> {
    const isNew = await makeFolder(folder);
    for (const name of SUBFOLDERS) await makeFolder(path.join(folder, name));
    const lock = await lockRun(folder);
    return new RunDirectory(folder, { release: lock.release, isNew });
  }

  get checkpoints(): string {
    return path.join(this.path, 'checkpoints');
  }

  get logs(): string {
    return path.join(this.path, 'logs');
  }

  samplePath(step: number): string {
    return path.join(this.path, 'samples', `${String(step).padStart(6, '0')}.png`);
  }

  /**
   * Refuses to write over what a run has reached.
   *
   * @param command How a person calls Gantry, for the message.
   * @throws GantryError GANTRY_RUN_EXISTS
   */
  async expectFresh(command: string): Promise<void> {
    const steps = await listCheckpoints(this.checkpoints);
    if (steps.length === 0) return;
    const message =
      `${this.path} holds a run already (checkpoints up to step ${steps.at(-1)}); ` +
      `go on with it (${resumeCommand(command, this.path)}), or use another --out`;
    throw new GantryError('GANTRY_RUN_EXISTS', message, { details: { runDirectory: this.path } });
  }

  /** Writes config.yaml and what is kept beside it, and removes what a crash left. */
  async prepare(run: {
    readonly runId: string;
    readonly config: RunConfig;
    readonly keptFiles: Readonly<Record<string, string>>;
    readonly resume: boolean;
  }): Promise<void> {
    const { runId, config, keptFiles, resume } = run;
    this.#journal = { runId, config, gantryVersion: GANTRY_VERSION };
    await cleanUnfinished(this.checkpoints);
    const settings = config as unknown as Record<string, unknown>;
    await replaceFile(path.join(this.path, 'config.yaml'), toYaml(settings), { durable: true });
    await this.#keep(keptFiles, resume);
  }

  /** Text files that belong to the run. Of one that is gone on with, those that are there stay. */
  async #keep(files: Readonly<Record<string, string>>, resume: boolean): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(this.path, name);
      if (!resume || !existsSync(file)) await replaceFile(file, text, { durable: true });
    }
  }

  /** Resolves when the record is durable; records are written one after the other. */
  writeJournal(record: JournalRecord): Promise<void> {
    const text = `${JSON.stringify({ ...this.#journal, ...record }, null, 2)}\n`;
    const written = this.#journaling.then(() =>
      replaceFile(path.join(this.path, JOURNAL_FILE), text, { durable: true }),
    );
    this.#journaling = written.catch(() => {});
    return written;
  }

  /** Adds a row to metrics.jsonl soon; rows stay in order. */
  addMetrics(row: object, onError: (error: GantryError) => void): void {
    this.#rows.push(`${JSON.stringify(row)}\n`);
    this.#timer ??= setTimeout(() => void this.#flush().catch(onError), METRICS_FLUSH_MS);
  }

  /** Appends the rows that are waiting. @throws GantryError GANTRY_DISK_FULL */
  flushMetrics(): Promise<void> {
    return this.#flush();
  }

  /** Steps behind the checkpoint are done again: their old rows go. */
  async truncateMetrics(fromStep: number): Promise<void> {
    await this.#flush().catch(() => {});
    const file = path.join(this.path, 'metrics.jsonl');
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text === '') return;
    const kept = text.split('\n').filter((line) => rowStep(line) <= fromStep);
    await replaceFile(file, kept.map((line) => `${line}\n`).join(''), { durable: false });
  }

  /** Takes away what workers of a run before left of their flight recorders. */
  async removeDumps(): Promise<void> {
    for (const name of await readdir(this.logs))
      if (name.includes(FLIGHT_SUFFIX)) await rm(path.join(this.logs, name), { force: true });
  }

  async writeSample(step: number, png: Uint8Array): Promise<string> {
    const file = this.samplePath(step);
    await replaceFile(file, png, { durable: false });
    return file;
  }

  /** Writes what is pending and lets the lock go. */
  async close(): Promise<void> {
    await this.#flush().catch(() => {});
    await this.#journaling;
    await this.#release();
  }

  /** Lets the lock go where nothing was begun; a folder that was made for it goes too. */
  async discard(): Promise<void> {
    await this.close();
    // rmdir spares what is not empty.
    for (const name of this.#isNew ? [...SUBFOLDERS, '.'] : SUBFOLDERS)
      await rmdir(path.join(this.path, name)).catch(() => {});
  }

  /** Lets the lock go, and the folder with all that is in it where it was made for a run that never trained. */
  async discardUntrained(): Promise<void> {
    await this.close();
    if (this.#isNew) await rm(this.path, { recursive: true, force: true });
  }

  #flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const text = this.#rows.join('');
    this.#rows = [];
    const file = path.join(this.path, 'metrics.jsonl');
    this.#flushing = this.#flushing.then(() =>
      text === ''
        ? undefined
        : appendFile(file, text).catch((cause) => {
            throw fileError(file, cause);
          }),
    );
    return this.#flushing;
  }
}

/** Step of a row; infinite for a torn one. */
function rowStep(line: string): number {
  try {
    const { step } = JSON.parse(line) as { step?: unknown };
    return typeof step === 'number' ? step : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
