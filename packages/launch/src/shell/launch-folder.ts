import { chownSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileError, GantryError } from '@gantry/common';
import type { Cluster } from '../core/cluster.js';
import type { PlannedFile } from '../core/plan.js';

/** What another terminal may ask of a launch that runs. */
export interface Wish {
  /** Counts up: each is carried out once. */
  readonly number: number;
  readonly workers?: number;
  readonly stop?: boolean;
}

/** What is known of a launch, for other terminals. */
export interface LaunchRecord {
  readonly cluster: string;
  readonly launcher: string;
  readonly name: string;
  readonly out: string;
  /** The launcher's process; 0: it has handed everything over and ended (`--detach`). */
  readonly pid: number;
  readonly startedAt: string;
  /** Workers wanted. */
  readonly workers: number;
  readonly state: 'running' | 'ended';
}

/**
 * The folder of a launch, beside the run directory: what was written for the launcher, the record by which other terminals find
 * it, their wishes, and logs/ with what each process said.
 */
export class LaunchFolder {
  readonly path: string;
  /** What to change for it to be elsewhere. */
  readonly #chosenBy: string;

  constructor(path: string, chosenBy: string) {
    this.path = path;
    this.#chosenBy = chosenBy;
  }

  /** With `kubernetes` the run is elsewhere: the folder lies beside the cluster file then. */
  static of(cluster: Pick<Cluster, 'out' | 'name' | 'path' | 'launcher'>): LaunchFolder {
    const { launcher, out, name, path } = cluster;
    if (launcher === 'kubernetes')
      return new LaunchFolder(join(dirname(path), `${name}.launch`), 'folder for the cluster file');
    return new LaunchFolder(`${out}.launch`, 'out in the cluster file');
  }

  get logs(): string {
    return join(this.path, 'logs');
  }

  make(): void {
    // Readable by its owner alone, as the keys that may be named in it.
    this.#written(this.logs, () => mkdirSync(this.logs, { recursive: true, mode: 0o700 }));
  }

  /** Folders for processes that run as somebody else, if this one may give them away. */
  makeFolders(paths: readonly string[], { uid, gid }: { readonly uid: number; readonly gid: number }): void {
    for (const path of paths) {
      this.#written(path, () => {
        mkdirSync(path, { recursive: true });
        if (process.getuid?.() === 0) chownSync(path, uid, gid);
      });
    }
  }

  write(files: readonly PlannedFile[]): void {
    for (const { path, text, mode = 0o644 } of files) {
      this.#written(path, () => {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text, { mode });
      });
    }
  }

  read(): LaunchRecord | undefined {
    return this.#json<LaunchRecord>('launch.json');
  }

  record(record: LaunchRecord): void {
    this.#replace('launch.json', record);
  }

  wish(): Wish | undefined {
    return this.#json<Wish>('wish.json');
  }

  ask(wish: Omit<Wish, 'number'>): void {
    this.#replace('wish.json', { ...wish, number: (this.wish()?.number ?? 0) + 1 });
  }

  forgetWishes(): void {
    rmSync(join(this.path, 'wish.json'), { force: true });
  }

  #json<T>(name: string): T | undefined {
    const path = join(this.path, name);
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as T;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new GantryError('GANTRY_FILE_FAILED', `cannot read ${path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** In one piece: readers see the old or the new. */
  #replace(name: string, value: object): void {
    const path = join(this.path, name);
    this.#written(path, () => {
      writeFileSync(`${path}.new`, `${JSON.stringify(value)}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    });
  }

  /** @throws GantryError GANTRY_DISK_FULL, GANTRY_FILE_FAILED naming the file that `write` cannot write */
  #written(path: string, write: () => void): void {
    try {
      write();
    } catch (cause) {
      throw fileError(path, cause, { flag: this.#chosenBy });
    }
  }
}

/** Whether a process of this machine is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
