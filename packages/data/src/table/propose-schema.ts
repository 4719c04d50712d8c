import { GantryError } from '@gantry/common';
import { readRows } from './read-rows.js';
import { parseNumber } from './transform.js';

/** Texts that usually mean: there is no value. */
const MISSING = ['', 'NA', 'N/A', 'NaN', 'nan', 'null', 'NULL', '?'];
/** A text column with more distinct texts is a name or a remark, not a category. */
const CATEGORIES_MAX = 64;
const DECIMALS_MAX = 15;
const DELIMITERS = [',', ';', '\t', '|'];

/** What was seen in one column. */
class ColumnFacts {
  readonly texts = new Set<string>();
  missing = 0;
  numbers = true;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  decimals: number | null = 0;
  /** Every number is the one before and one. */
  counts = true;
  #last: number | null = null;

  add(cell: string): void {
    if (MISSING.includes(cell)) {
      this.missing++;
      return;
    }
    if (this.texts.size <= CATEGORIES_MAX) this.texts.add(cell);
    const value = parseNumber(cell);
    if (value === null) this.numbers = false;
    else this.#addNumber(value, cell);
  }

  #addNumber(value: number, cell: string): void {
    this.counts &&= this.#last === null ? Number.isInteger(value) : value === this.#last + 1;
    this.#last = value;
    this.min = Math.min(this.min, value);
    this.max = Math.max(this.max, value);
    const digits = /^[+-]?\d*\.?(\d*)$/.exec(cell)?.[1]?.length;
    if (digits === undefined || digits > DECIMALS_MAX || this.decimals === null) this.decimals = null;
    else this.decimals = Math.max(this.decimals, digits);
  }
}

/**
 * A schema, in YAML, that fits a CSV file: columns of numbers are numeric, from the smallest to the largest; columns of a few
 * texts are categorical; all others, and what counts the rows, are ignored. It is a proposal: only the user knows that a number is a code.
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_DATASET_INVALID
 */
export async function proposeSchema(path: string): Promise<string> {
  const delimiter = await guessDelimiter(path);
  let names: readonly string[] = [];
  let facts: ColumnFacts[] = [];
  let rows = 0;
  const used = new Set<string>();
  await readRows(path, delimiter, ({ cells }) => {
    if (names.length === 0) {
      names = cells;
      facts = cells.map(() => new ColumnFacts());
      return;
    }
    rows++;
    cells.forEach((cell, i) => {
      facts[i]!.add(cell);
      if (MISSING.includes(cell)) used.add(cell);
    });
  });
  if (rows === 0) {
    const what = names.length === 0 ? 'is empty' : 'has no rows';
    throw new GantryError('GANTRY_DATASET_INVALID', `${path} ${what}`, { details: { file: path } });
  }
  const head = delimiter === ',' ? '' : `delimiter: ${JSON.stringify(delimiter)}\n`;
  const missing =
    used.size === 0
      ? ''
      : `missingValues: [${MISSING.filter((text) => used.has(text))
          .map(scalar)
          .join(', ')}]\n`;
  return `${head}${missing}columns:\n${names.map((name, i) => describe(name, facts[i]!, rows)).join('')}`;
}

/** The sign that is found most often in the first line. */
async function guessDelimiter(path: string): Promise<string> {
  let first: readonly string[] | null = null;
  // With a delimiter that no file has, the first row is the first line.
  await readRows(path, '\u0000', ({ cells }) => {
    first ??= cells;
  }).catch((error: unknown) => {
    if (first === null) throw error;
  });
  const line = ((first ?? ['']) as readonly string[])[0] ?? '';
  const counts = DELIMITERS.map((sign) => line.split(sign).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))]!;
}

function describe(name: string, facts: ColumnFacts, rows: number): string {
  const { lines, remark } = described(facts);
  const lacking = facts.missing > 0 && lines[0] !== 'type: ignore';
  const all = [`name: ${scalar(name)}${remark === '' ? '' : `  # ${remark}`}`, ...lines];
  if (lacking) all.push(`missing: drop  # ${facts.missing} of ${rows} rows; or error, or {fill: VALUE}`);
  return all.map((line, i) => `${i === 0 ? '  - ' : '    '}${line}\n`).join('');
}

function described(facts: ColumnFacts): { lines: string[]; remark: string } {
  const { texts, numbers, counts, min, max, decimals } = facts;
  if (texts.size === 0) return { lines: ['type: ignore'], remark: 'no row has a value' };
  if (texts.size === 1) return { lines: ['type: ignore'], remark: 'the same in every row' };
  if (numbers && counts && texts.size > 2) return { lines: ['type: ignore'], remark: 'counts the rows' };
  if (numbers) {
    const lines = ['type: numeric', 'scale: min-max', `min: ${min}`, `max: ${max}`];
    return { lines: decimals === null ? lines : [...lines, `decimals: ${decimals}`], remark: '' };
  }
  if (texts.size > CATEGORIES_MAX) {
    return { lines: ['type: ignore'], remark: `more than ${CATEGORIES_MAX} different texts` };
  }
  return { lines: ['type: categorical', `categories: [${[...texts].sort().map(scalar).join(', ')}]`], remark: '' };
}

/** A text in YAML: plain where that means the text, else in quotes. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z_][\w]*(?:[ -]\w+)*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}
