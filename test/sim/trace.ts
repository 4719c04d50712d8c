const LINES_KEPT = 80;

/** What happened, line by line. Only the end is kept; the digest is of all of it. */
export class Trace {
  readonly #nowMs: () => number;
  readonly #lines: string[] = [];
  readonly #all: string[] | null;
  #digest = 0x811c9dc5;
  #count = 0;

  /** @param all Keep everything. */
  constructor(nowMs: () => number, all = false) {
    this.#nowMs = nowMs;
    this.#all = all ? [] : null;
  }

  add(line: string): void {
    const text = `${this.#nowMs().toFixed(1)} ${line}`;
    for (let at = 0; at < text.length; at++) this.#digest = Math.imul(this.#digest ^ text.charCodeAt(at), 0x01000193);
    this.#all?.push(text);
    this.#lines[this.#count++ % LINES_KEPT] = text;
  }

  get digest(): string {
    return `${this.#count}:${(this.#digest >>> 0).toString(16)}`;
  }

  /** Everything where it was kept, else the last lines. */
  get lines(): readonly string[] {
    if (this.#all !== null) return this.#all;
    const from = Math.max(0, this.#count - LINES_KEPT);
    return Array.from({ length: this.#count - from }, (_, index) => this.#lines[(from + index) % LINES_KEPT]!);
  }
}
