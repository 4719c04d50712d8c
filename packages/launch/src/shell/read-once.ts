import type { NamedLine } from '../core/named-line.js';

/**
 * Tells the lines of an output that is read from its beginning again and again from those that were read already: by who said
 * them when, and where the output does not tell, by their number.
 */
export class ReadOnce {
  readonly #lastSaid = new Map<string, string>();
  /** As it was when this reading began: two lines may be of the same moment. */
  #before: ReadonlyMap<string, string> = new Map();
  #read = 0;
  #count = 0;

  /** From the beginning. */
  begin(): void {
    this.#before = new Map(this.#lastSaid);
    this.#count = 0;
  }

  isNew({ said }: NamedLine): boolean {
    if (said === undefined) return this.#isNewByNumber();
    const { by, at } = said;
    const last = this.#before.get(by);
    if (last !== undefined && at <= last) return false;
    this.#lastSaid.set(by, at);
    return true;
  }

  #isNewByNumber(): boolean {
    if (++this.#count <= this.#read) return false;
    this.#read = this.#count;
    return true;
  }
}
