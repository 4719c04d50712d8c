import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GantryError } from '@gantry/common';
import { CsvError, parse } from 'csv-parse';

/** A longer record is a quote that nobody closed. */
const RECORD_CHARS_MAX = 1 << 20;

/** A row of a table and the line of the file on which it ends. */
export interface Row {
  readonly cells: readonly string[];
  readonly line: number;
}

/**
 * Reads a CSV file (RFC 4180, UTF-8, with or without a byte order mark) as it streams by. Blanks around cells do not count, nor
 * do empty lines; every row has as many cells as the first.
 * @param onRow is called for each row, the names of the columns first
 * @param text the file's content, where it is not read from the file
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_DATASET_INVALID naming file and line
 */
export async function readRows(
  path: string,
  delimiter: string,
  onRow: (row: Row) => void,
  text: Readable = createReadStream(path),
): Promise<void> {
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    max_record_size: RECORD_CHARS_MAX,
    skip_empty_lines: true,
    trim: true,
  });
  const stopped = new AbortController();
  let refusal: unknown;
  const sink = async (rows: AsyncIterable<{ record: string[]; info: { lines: number } }>) => {
    for await (const { record, info } of rows) {
      try {
        onRow({ cells: record, line: info.lines });
      } catch (error) {
        // A pipeline tells of the stream that it ends early, not of why it is ended.
        refusal = error;
        stopped.abort();
        return;
      }
    }
  };
  try {
    await pipeline(text, parser, sink, { signal: stopped.signal });
  } catch (cause) {
    if (refusal === undefined) throw readError(path, cause);
  }
  if (refusal !== undefined) throw refusal;
}

function readError(path: string, cause: unknown): unknown {
  const details = { file: path };
  if (cause instanceof CsvError) {
    const line = (cause as unknown as { lines?: number }).lines;
    const message = `${path}${line === undefined ? '' : `: line ${line}`}: no valid CSV: ${cause.message.slice(0, 300)}`;
    return new GantryError('GANTRY_DATASET_INVALID', message, { cause, details });
  }
  const { code } = cause as NodeJS.ErrnoException;
  if (code === undefined) return cause;
  const what =
    code === 'ENOENT'
      ? 'does not exist'
      : code === 'EISDIR'
        ? 'is a folder; csv: takes a file'
        : `cannot be read (${code})`;
  return new GantryError('GANTRY_DATASET_NOT_FOUND', `${path} ${what}`, { cause, details });
}
