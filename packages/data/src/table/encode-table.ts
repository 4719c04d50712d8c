import type { Readable } from 'node:stream';
import { GantryError } from '@gantry/common';
import { type Row, readRows } from './read-rows.js';
import type { TableSchema } from './schema.js';
import { type CellProblem, columnWidth, encodeCell, rowWidth, usedColumns } from './transform.js';

const ROWS_AT_FIRST = 1024;

/** The rows of a table as numbers. */
export interface EncodedTable {
  /** [count, F] */
  readonly values: Float32Array;
  readonly count: number;
  /** Rows left out because they lack a value. */
  readonly dropped: number;
}

/**
 * Reads a table and turns its rows into numbers.
 * @param text the file's content, where it is not read from the file
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_DATASET_INVALID naming file, line and column
 */
export async function encodeTable(path: string, schema: TableSchema, text?: Readable): Promise<EncodedTable> {
  const encoder = new TableEncoder(path, schema);
  await readRows(path, schema.delimiter, (row) => encoder.add(row), text);
  return encoder.finish();
}

class TableEncoder {
  readonly #path: string;
  readonly #schema: TableSchema;
  readonly #width: number;
  readonly #missing: ReadonlySet<string>;
  /** Of each column that is used, its place in a row; null: the names have not been read yet. */
  #places: readonly number[] | null = null;
  #values: Float32Array;
  #count = 0;
  #dropped = 0;

  constructor(path: string, schema: TableSchema) {
    this.#path = path;
    this.#schema = schema;
    this.#width = rowWidth(schema);
    this.#missing = new Set(schema.missingValues);
    this.#values = new Float32Array(ROWS_AT_FIRST * this.#width);
  }

  add(row: Row): void {
    if (this.#places === null) {
      this.#places = placesOf(this.#path, this.#schema, row.cells);
      return;
    }
    const start = this.#count * this.#width;
    if (start === this.#values.length) this.#grow();
    if (this.#encode(row, this.#places, start)) this.#count++;
    else {
      this.#dropped++;
      this.#values.fill(0, start, start + this.#width);
    }
  }

  finish(): EncodedTable {
    const [count, dropped] = [this.#count, this.#dropped];
    if (count > 0) return { values: this.#values.slice(0, count * this.#width), count, dropped };
    const what =
      this.#places === null ? 'is empty' : dropped > 0 ? 'has no row in which no value is missing' : 'has no rows';
    throw new GantryError('GANTRY_DATASET_INVALID', `${this.#path} ${what}`, { details: { file: this.#path } });
  }

  /** @returns whether the row counts */
  #encode({ cells, line }: Row, places: readonly number[], start: number): boolean {
    let at = start;
    for (const [i, column] of usedColumns(this.#schema).entries()) {
      const cell = cells[places[i]!]!;
      const answer = encodeCell(column, cell, this.#missing.has(cell), this.#values, at);
      if (answer === 'drop') return false;
      if (answer !== null) throw invalidCell(this.#path, line, column.name, answer);
      at += columnWidth(column);
    }
    return true;
  }

  #grow(): void {
    const larger = new Float32Array(this.#values.length * 2);
    larger.set(this.#values);
    this.#values = larger;
  }
}

function invalidCell(path: string, line: number, column: string, { expected, found }: CellProblem): GantryError {
  return new GantryError(
    'GANTRY_DATASET_INVALID',
    `${path}: line ${line}, column ${column}: expected ${expected}, found ${found}`,
    { details: { file: path, line, column, expected, found } },
  );
}

/** Where the used columns stand. Every column of the table has to be described, and the other way round. */
function placesOf(path: string, schema: TableSchema, names: readonly string[]): number[] {
  const invalid = (what: string) =>
    new GantryError('GANTRY_DATASET_INVALID', `${path}: line 1: ${what}`, { details: { file: path, line: 1 } });
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw invalid(`two columns are called ${JSON.stringify(twice)}`);
  const described = new Set(schema.columns.map(({ name }) => name));
  const stranger = names.find((name) => !described.has(name));
  if (stranger !== undefined) {
    throw invalid(
      `the column ${JSON.stringify(stranger)} is not in the schema; add it there, with type: ignore if it is not wanted`,
    );
  }
  const absent = schema.columns.find(({ name }) => !names.includes(name));
  if (absent !== undefined)
    throw invalid(`there is no column ${JSON.stringify(absent.name)}, which the schema describes`);
  return usedColumns(schema).map(({ name }) => names.indexOf(name));
}
