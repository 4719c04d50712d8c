import { invalidFile } from '../data-file.js';

/*
 * The text in front of a .npy file's data: a Python dictionary literal with exactly the keys descr, fortran_order and shape.
 * Source: NEP 1, "A simple file format for NumPy arrays", and numpy/lib/format.py.
 */

/** As many dimensions as NumPy's own arrays had for thirty years. */
const DIMENSIONS_MAX = 32;
const KEYS = ['descr', 'fortran_order', 'shape'];

export interface NpyHeader {
  /** `|u1`, `<f4` … */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** Strings (without escapes), numbers (Python 2 wrote an L behind them), names, and single signs. */
const TOKEN = /[ \t\n]*(?:'([^'\\]*)'|"([^"\\]*)"|(\d+)L?|([A-Za-z]+)|([{}()[\],:]))/y;

type Token = { readonly at: number } & (
  | { readonly kind: 'text' | 'word' | 'sign'; readonly text: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'end' }
);

/**
 * Parses the dictionary.
 * @param path for messages @param offset of the text in the file, for messages
 * @throws GantryError GANTRY_DATASET_INVALID
 */
export function parseNpyHeader(path: string, text: string, offset: number): NpyHeader {
  return new HeaderParser(path, text, offset).dictionary();
}

class HeaderParser {
  readonly #path: string;
  readonly #text: string;
  readonly #offset: number;
  #at = 0;

  constructor(path: string, text: string, offset: number) {
    this.#path = path;
    this.#text = text;
    this.#offset = offset;
  }

  dictionary(): NpyHeader {
    const found: { descr?: string; fortran_order?: boolean; shape?: number[] } = {};
    this.#sign('{');
    for (let token = this.#next(); !isSign(token, '}'); token = this.#next()) {
      const key = token.kind === 'text' ? token.text : null;
      if (key === null || !KEYS.includes(key)) this.#fail(token, `one of the keys ${KEYS.join(', ')}`);
      if (Object.hasOwn(found, key)) this.#fail(token, `every key once`);
      this.#sign(':');
      if (key === 'descr') found.descr = this.#descr();
      else if (key === 'shape') found.shape = this.#shape();
      else found.fortran_order = this.#boolean();
      const behind = this.#next();
      if (isSign(behind, '}')) break;
      if (!isSign(behind, ',')) this.#fail(behind, '"," or "}"');
    }
    const end = this.#next();
    if (end.kind !== 'end') this.#fail(end, 'blanks to the end of the header');
    const { descr, fortran_order: fortranOrder, shape } = found;
    if (descr === undefined || fortranOrder === undefined || shape === undefined) {
      const missing = KEYS.filter((key) => !Object.hasOwn(found, key));
      this.#fail(end, `the key ${missing.join(', ')}`);
    }
    return { descr, fortranOrder, shape };
  }

  #descr(): string {
    const token = this.#next();
    if (isSign(token, '[')) this.#fail(token, 'one type for all values', 'a structured type (several fields)');
    return token.kind === 'text' ? token.text : this.#fail(token, 'a type in quotes');
  }

  #boolean(): boolean {
    const token = this.#next();
    if (token.kind === 'word' && (token.text === 'True' || token.text === 'False')) return token.text === 'True';
    return this.#fail(token, 'True or False');
  }

  /** `()`, `(3,)`, `(3, 4)`, `(3, 4,)`. */
  #shape(): number[] {
    const sizes: number[] = [];
    this.#sign('(');
    for (let token = this.#next(); !isSign(token, ')'); token = this.#next()) {
      if (token.kind !== 'number') this.#fail(token, 'a size');
      if (!Number.isSafeInteger(token.value)) this.#fail(token, 'a size below 2^53');
      if (sizes.push(token.value) > DIMENSIONS_MAX) this.#fail(token, `at most ${DIMENSIONS_MAX} dimensions`);
      const behind = this.#next();
      if (isSign(behind, ')') && sizes.length > 1) break;
      if (!isSign(behind, ',')) this.#fail(behind, '"," behind a size');
    }
    return sizes;
  }

  #sign(sign: string): void {
    const token = this.#next();
    if (!isSign(token, sign)) this.#fail(token, `"${sign}"`);
  }

  #next(): Token {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match === null) return this.#rest();
    this.#at = TOKEN.lastIndex;
    const at = this.#at - match[0].trimStart().length;
    const [, single, double, number, word, sign] = match;
    const text = single ?? double;
    if (text !== undefined) return { at, kind: 'text', text };
    if (number !== undefined) return { at, kind: 'number', value: Number(number) };
    return word === undefined ? { at, kind: 'sign', text: sign! } : { at, kind: 'word', text: word };
  }

  #rest(): Token {
    const blanks = /[ \t\n]*/y;
    blanks.lastIndex = this.#at;
    blanks.exec(this.#text);
    const at = blanks.lastIndex;
    return at === this.#text.length ? { at, kind: 'end' } : { at, kind: 'sign', text: this.#text[at]! };
  }

  #fail(token: Token, expected: string, what?: string): never {
    const found = what ?? shown(token);
    throw invalidFile(this.#path, this.#offset + token.at, `${expected} in the header of a .npy file`, found);
  }
}

function isSign(token: Token, sign: string): boolean {
  return token.kind === 'sign' && token.text === sign;
}

function shown(token: Token): string {
  if (token.kind === 'end') return 'its end';
  const text = token.kind === 'number' ? String(token.value) : token.text;
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
