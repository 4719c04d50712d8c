import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { type Event, type Finished, GANTRY, GantryProcess, type ProcessOptions } from './gantry.js';

const DEPLOY = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'deploy');
/** How Gantry is called on every machine of a test: they share a file system. */
export const GANTRY_COMMAND = `${process.execPath} ${GANTRY}`;

export type ClusterSettings = Readonly<Record<string, unknown>>;

/** The example of a launcher, as it lies in deploy/. */
export function exampleOf(launcher: string): ClusterSettings {
  return parse(readFileSync(join(DEPLOY, launcher, 'cluster.yaml'), 'utf8')) as ClusterSettings;
}

/** A cluster file, and `gantry launch` with it. */
export class Launch {
  readonly file: string;
  readonly out: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #options: ProcessOptions;

  /** @param out Run directory; the file lies beside it. With `out: null` in the settings the launcher chooses another. */
  constructor(out: string, settings: ClusterSettings, env: Readonly<Record<string, string>>, options: ProcessOptions) {
    this.out = out;
    this.file = `${out}.yaml`;
    this.#env = env;
    this.#options = options;
    writeFileSync(this.file, stringify({ ...settings, out: settings.out === null ? undefined : out }));
  }

  /** `gantry launch`, which stays until the run has ended. */
  start(): GantryProcess {
    return new GantryProcess(['launch', '-f', this.file, '--json'], this.#env, this.#options);
  }

  /** `gantry launch ACTION`, to its end. */
  act(...words: readonly string[]): Promise<Finished> {
    return new GantryProcess(['launch', ...words, '-f', this.file], this.#env, this.#options).finished;
  }
}

/** Of the newest generation, sorted. */
export function membersOf(run: GantryProcess): string[] {
  const ready = run.events.findLast(({ event }) => event === 'ready');
  return ((ready?.members ?? []) as { worker: string }[]).map(({ worker }) => worker).sort();
}

export function untilMembers(run: GantryProcess, count: number): Promise<Event> {
  return run.until(({ event }) => event === 'ready' && membersOf(run).length === count);
}

export function lostOf(run: GantryProcess): unknown[] {
  return run.events.flatMap(({ event, worker }) => (event === 'worker-lost' ? [worker] : []));
}
