import fs from 'node:fs';
import type { AllowList } from '@gantry/common/keys';
import { readAllowList } from '@gantry/common/keys';

/**
 * The allow-list as it stands on disk: looked at whenever somebody asks to be admitted, and some times a second, so that an edit
 * works while a run goes on. What cannot be read (half written, open to others, gone) changes nothing and is told of once: an
 * empty file is what revokes everybody.
 */
export class AllowListFile {
  readonly #file: string;
  readonly #onRevoked: (publicKey: string, name: string) => void;
  readonly #onProblem: (message: string) => void;
  #seen: string;
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
    this.#seen = this.#version();
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
  refresh(): void {
    const version = this.#version();
    if (version === this.#seen) return;
    this.#seen = version;
    const before = this.#list;
    try {
      this.#list = readAllowList(this.#file);
    } catch (error) {
      this.#onProblem(`the allow-list stays as it was: ${(error as Error).message}`);
      return;
    }
    for (const [publicKey, name] of before) {
      if (this.#list.get(publicKey) !== name) this.#onRevoked(publicKey, name);
    }
  }

  /** Two contents have two versions: editors write in place, or put another file there. */
  #version(): string {
    const stat = fs.statSync(this.#file, { throwIfNoEntry: false, bigint: true });
    return stat === undefined ? 'gone' : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
  }
}
