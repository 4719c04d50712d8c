import type { NumericColumn, TableSchema, UsedColumn } from './schema.js';

/*
 * Rows of texts as rows of numbers, and back. A numeric column is one number: min-max (v − min) / (max − min), standard
 * (v − mean) / deviation. A categorical one is as many as it has categories, 1 for its own and 0 for the others.
 */

/** Digits that a float32 holds. */
const FLOAT_DIGITS = 7;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** The columns that are trained on, in the schema's order, which is that of the numbers. */
export function usedColumns(schema: TableSchema): UsedColumn[] {
  return schema.columns.filter((column): column is UsedColumn => column.type !== 'ignore');
}

/** Numbers that a column's cell becomes. */
export function columnWidth(column: UsedColumn): number {
  return column.type === 'categorical' ? column.categories.length : 1;
}

/** Numbers that a row becomes: F. */
export function rowWidth(schema: TableSchema): number {
  return usedColumns(schema).reduce((sum, column) => sum + columnWidth(column), 0);
}

/** What is wrong with a cell, in the words of an error. */
export interface CellProblem {
  readonly expected: string;
  readonly found: string;
}

/**
 * Writes a cell's numbers into `into` from `at` on, which holds zeros.
 * @param isMissing there is no value
 * @returns 'drop' if the row is to be left out, a problem, or null
 */
export function encodeCell(
  column: UsedColumn,
  cell: string,
  isMissing: boolean,
  into: Float32Array,
  at: number,
): CellProblem | 'drop' | null {
  const { missing = 'error' } = column;
  if (isMissing && missing === 'drop') return 'drop';
  if (isMissing && missing === 'error') {
    return { expected: 'a value', found: 'none: fill it in, or set missing to drop or {fill: VALUE} in the schema' };
  }
  const value = isMissing && typeof missing === 'object' ? String(missing.fill) : cell;
  if (column.type === 'numeric') return encodeNumber(column, value, into, at);
  const index = column.categories.indexOf(value);
  if (index < 0) {
    const known = column.categories.slice(0, 10).join(', ').slice(0, 200);
    const more = column.categories.length > 10 ? ', …' : '';
    return { expected: `one of the categories ${known}${more}`, found: quoted(value) };
  }
  into[at + index] = 1;
  return null;
}

function encodeNumber(column: NumericColumn, cell: string, into: Float32Array, at: number): CellProblem | null {
  const value = parseNumber(cell);
  if (value === null) return { expected: 'a number', found: quoted(cell) };
  if (column.scale === 'standard') {
    into[at] = (value - column.mean) / column.deviation;
    return null;
  }
  if (value < column.min || value > column.max) {
    const expected = `a number of ${column.min} to ${column.max}`;
    return { expected, found: `${cell}: raise max, or lower min, in the schema` };
  }
  into[at] = (value - column.min) / (column.max - column.min);
  return null;
}

/** A number as people write it in tables; null: none, or one that is not finite. */
export function parseNumber(cell: string): number | null {
  const value = NUMBER.test(cell) ? Number(cell) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}

function quoted(cell: string): string {
  return JSON.stringify(cell.length > 60 ? `${cell.slice(0, 60)}…` : cell);
}

/**
 * The texts of a row of numbers, one for each column that is trained on: the inverse of {@link encodeCell}. What a network
 * makes need be no row exactly: min-max values are clamped to 0…1, and of categories the one with the largest number is taken.
 */
export function decodeRow(schema: TableSchema, numbers: Float32Array, from: number): string[] {
  let at = from;
  return usedColumns(schema).map((column) => {
    const start = at;
    at += columnWidth(column);
    if (column.type === 'numeric') return decodeNumber(column, numbers[start]!);
    let best = 0;
    for (let i = 1; i < column.categories.length; i++) if (numbers[start + i]! > numbers[start + best]!) best = i;
    return column.categories[best]!;
  });
}

function decodeNumber(column: NumericColumn, number: number): string {
  const value =
    column.scale === 'standard'
      ? column.mean + number * column.deviation
      : column.min + Math.min(1, Math.max(0, number)) * (column.max - column.min);
  if (column.decimals === undefined) return String(Number(value.toPrecision(FLOAT_DIGITS)));
  const text = value.toFixed(column.decimals);
  return Number(text) === 0 ? text.replace('-', '') : text;
}

/** A line of a CSV file. Source: RFC 4180. */
export function csvLine(cells: readonly string[], delimiter: string): string {
  const fields = cells.map((cell) =>
    cell.includes(delimiter) || /["\r\n]/.test(cell) || cell.trim() !== cell ? `"${cell.replaceAll('"', '""')}"` : cell,
  );
  return `${fields.join(delimiter)}\n`;
}
