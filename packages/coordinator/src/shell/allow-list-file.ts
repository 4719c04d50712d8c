import fs from 'node:fs';
import type { AllowList } from '@gantry/common/keys';
import { readAllowList } from '@gantry/common/keys';
import { ALLOW_LIST_SETTLED_MS } from './constants.js';

/**
 * The allow-list as it stands on disk: looked at whenever somebody asks to be admitted, and some times a second, so that an edit
 * works while a run goes on. Who is added is admitted at once. What takes somebody off, or cannot be read, counts only once it has
 * stood for a moment, since an editor empties a file before it writes it. What cannot be read (open to others, gone, on a disk that
 * fails) changes nothing, is told of once and tried again: an empty file is what revokes everybody.
 */
export class AllowListFile {
  readonly #file: string;
  readonly #onRevoked: (publicKey: string, name: string) => void;
  readonly #onProblem: (message: string) => void;
  /** The content that was last looked at: since when it stands, and whether it counts already, or was told of. */
  #seen: { readonly version: string; readonly sinceMs: number; readonly taken: boolean; readonly told: boolean };
  #list: AllowList;

  /** @throws GantryError GANTRY_KEYS_INVALID */
  constructor(
    file: string,
    on: { revoked: (publicKey: string, name: string) => void; problem: (message: string) => void },
  ) {
    this.#file = file;
    this.#onRevoked = on.revoked;
    this.#onProblem = on.problem;
    // First: a change between the two is seen later.
    this.#seen = { version: this.#version(), sinceMs: 0, taken: true, told: false };
    this.#list = readAllowList(file);
  }

  /** The name of who has this key; undefined: nobody who may join. */
  nameOf(publicKey: string): string | undefined {
    return this.#list.get(publicKey);
  }

  get size(): number {
    return this.#list.size;
  }

  /** Takes over what has changed, and tells of every key that is not there any more under its name. */
  refresh(nowMs = performance.now()): void {
    const version = this.#version();
    if (version !== this.#seen.version) this.#seen = { version, sinceMs: nowMs, taken: false, told: false };
    if (this.#seen.taken) return;
    const settled = nowMs - this.#seen.sinceMs >= ALLOW_LIST_SETTLED_MS;
    const list = this.#read(settled);
    if (list === null) return;
    const revoked = [...this.#list].filter(([publicKey, name]) => list.get(publicKey) !== name);
    if (!settled && revoked.length > 0) return;
    this.#seen = { ...this.#seen, taken: true };
    this.#list = list;
    for (const [publicKey, name] of revoked) this.#onRevoked(publicKey, name);
  }

  /** null: it cannot be read, which is told once if it has stood. */
  #read(settled: boolean): AllowList | null {
    try {
      return readAllowList(this.#file);
    } catch (error) {
      if (settled && !this.#seen.told) {
        this.#seen = { ...this.#seen, told: true };
        this.#onProblem(`the allow-list stays as it was: ${(error as Error).message}`);
      }
      return null;
    }
  }

  /** Two contents have two versions: editors write in place, or put another file there. */
  #version(): string {
    try {
      const stat = fs.statSync(this.#file, { bigint: true });
      return `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
    } catch (error) {
      return `unreadable ${(error as NodeJS.ErrnoException).code}`;
    }
  }
}
