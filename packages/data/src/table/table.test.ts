import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GantryError } from '@gantry/common';
import { afterAll, describe, expect, it } from 'vitest';
import { openDataset, prepareDataset } from '../open-dataset.js';
import { readFloats } from '../values.js';
import { proposeSchema } from './propose-schema.js';
import { parseTableSchema } from './schema.js';
import { csvLine, decodeRow, usedColumns } from './transform.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-table-'));
afterAll(() => rmSync(folder, { recursive: true }));

let tables = 0;
function table(csv: string, schema?: string): string {
  const path = join(folder, `table-${tables++}.csv`);
  writeFileSync(path, csv);
  if (schema !== undefined) writeFileSync(`${path}.schema.yaml`, schema);
  return path;
}

async function failure(work: Promise<unknown>): Promise<GantryError> {
  return work.then(
    () => {
      throw new Error('it was accepted');
    },
    (error: GantryError) => error,
  );
}

const SCHEMA = `columns:
  - {name: id, type: ignore}
  - {name: height, type: numeric, scale: min-max, min: 1, max: 2, decimals: 2}
  - {name: kind, type: categorical, categories: [ant, bee, cat]}
  - {name: t, type: numeric, scale: standard, mean: 10, deviation: 4, decimals: 1}
`;
const CSV = 'id,height,kind,t\n1,1.25,bee,12\n2, 2 ,"cat",-2.0\n3,1.00,ant,10.4\n';

describe('csv', () => {
  it('makes rows of numbers, and rows again', async () => {
    const source = await openDataset(`csv:${table(CSV, SCHEMA)}`);
    expect(source).toMatchObject({ count: 3, sampleShape: [1, 5, 1], values: 'float32', classes: 0, labels: null });
    const numbers = readFloats(source, 0, 3);
    expect([...numbers]).toEqual([0.25, 0, 1, 0, 0.5, 1, 0, 0, 1, -3, 0, 1, 0, 0, Math.fround(0.1)]);
    const schema = await parseTableSchema(SCHEMA, 'schema.yaml');
    const lines = [0, 1, 2].map((row) => csvLine(decodeRow(schema, numbers, row * 5), ','));
    expect(lines).toEqual(['1.25,bee,12.0\n', '2.00,cat,-2.0\n', '1.00,ant,10.4\n']);
    expect(source.manifest().conversion).toMatchObject({ source: 'csv', dropped: 0, columns: schema.columns });
  });

  it('takes a schema from elsewhere, a byte order mark, another delimiter, quotes, line ends and empty lines', async () => {
    const schema = join(folder, 'elsewhere.yaml');
    writeFileSync(schema, `delimiter: ;\ncolumns: [{name: "a\\nb", type: numeric, scale: min-max, min: 0, max: 4}]\n`);
    const path = table('\ufeff"a\nb"\r\n1\r\n\r\n 2.0 \r\n"4"\r\n');
    const source = await openDataset(`csv:${path}?schema=${schema}`);
    expect([...readFloats(source, 0, source.count)]).toEqual([0.25, 0.5, 1]);
  });

  it('a value that is missing is an error, or what the schema says', async () => {
    const csv = 'x,k\n1,a\n,b\n3,?\n4,b\n';
    const schemaOf = (x: string, k: string) =>
      `missingValues: ['', '?']\ncolumns:\n  - {name: x, type: numeric, scale: min-max, min: 0, max: 4${x}}\n` +
      `  - {name: k, type: categorical, categories: [a, b]${k}}\n`;
    const rows = async (x: string, k: string) => {
      const source = await openDataset(`csv:${table(csv, schemaOf(x, k))}`);
      return [...readFloats(source, 0, source.count)];
    };
    expect((await failure(rows('', ''))).message).toMatch(/line 3, column x: expected a value, found none: .*drop/);
    expect((await failure(rows(', missing: drop', ''))).message).toMatch(/line 4, column k: expected a value/);
    expect(await rows(', missing: drop', ', missing: drop')).toEqual([0.25, 1, 0, 1, 0, 1]);
    const filled = await rows(', missing: {fill: 2}', ', missing: {fill: a}');
    expect(filled).toEqual([0.25, 1, 0, 0.5, 0, 1, 0.75, 1, 0, 1, 0, 1]);
  });

  it.each([
    ['a text for a number', CSV.replace('1.25', 'tall'), /line 2, column height: expected a number, found "tall"/],
    ['what only JavaScript takes for a number', CSV.replace('1.25', '0x1'), /expected a number, found "0x1"/],
    ['a number out of bounds', CSV.replace('1.25', '2.5'), /expected a number of 1 to 2, found 2.5: raise max/],
    ['an unknown category', CSV.replace('"cat"', 'dog'), /line 3, column kind: .* ant, bee, cat, found "dog"/],
    ['a row that is too short', CSV.replace('12\n', '12\n7,1\n'), /line 3: no valid CSV: .*expect 4, got 2/],
    ['a quote that is never closed', CSV.replace('"cat"', '"cat'), /no valid CSV: Quote Not Closed/],
    ['another column', CSV.replace(/^id/, 'number'), /line 1: the column "number" is not in the schema/],
    ['a column that is missing', CSV.replace(/^id,height,kind,t/, 'id,height,kind,id'), /two columns are called "id"/],
    ['a table without rows', 'id,height,kind,t\n', /has no rows/],
    ['an empty file', '', /is empty/],
  ])('refuses %s', async (_, csv, message) => {
    const path = table(csv, SCHEMA);
    const error = await failure(openDataset(`csv:${path}`));
    expect(error).toMatchObject({ code: 'GANTRY_DATASET_INVALID', message: expect.stringMatching(message) });
    expect(error.message.startsWith(path)).toBe(true);
  });

  it.each([
    ['columns: []', /columns is \[\], which must be a list of columns/],
    ['column: []', /column is no known key. Did you mean columns\?/],
    [
      'columns: [{name: a, type: number}]',
      /1:\d+: columns\.0\.type is number, which must be numeric, categorical or ignore/,
    ],
    ['columns: [{name: a, type: numeric, scale: log}]', /columns\.0\.scale is log, which must be min-max or standard/],
    [
      'columns: [{name: a, type: numeric, scale: min-max, min: 0}]',
      /columns\.0\.max is nothing, which must be the value/,
    ],
    ['columns: [{name: a, type: numeric, scale: min-max, min: 1, max: 1}]', /columns\.0\.max must be more than min/],
    [
      'columns: [{name: a, type: numeric, scale: standard, mean: 0, deviation: 0}]',
      /deviation is 0, which must be a number above 0/,
    ],
    ['columns: [{name: a, type: categorical, categories: [x, x]}]', /columns\.0\.categories has a text twice/],
    ['columns: [{name: a, type: categorical, categories: [1, 2]}]', /must be a text: write numbers in quotes/],
    ['columns: [{name: a, type: categorical, categories: [x], missing: {fill: y}}]', /fills in "y"/],
    [
      'columns: [{name: a, type: categorical, categories: [x]}, {name: a, type: ignore}]',
      /columns\.1\.name names a column that is there/,
    ],
    ['columns: [{name: a, type: ignore}]', /ignores every column/],
    ['columns: [', /YAML cannot be read/],
  ])('refuses the schema %s', async (yaml, message) => {
    const error = await failure(parseTableSchema(yaml, 's.yaml'));
    expect(error).toMatchObject({ code: 'GANTRY_CONFIG_INVALID', message: expect.stringMatching(message) });
    expect(error.message).toContain('s.yaml');
  });

  it('says where a problem of a schema is', async () => {
    const yaml = 'columns:\n  - name: a\n    type: numeric\n    scale: min-max\n    min: low\n    max: 1\n';
    expect((await failure(parseTableSchema(yaml, 's.yaml'))).message).toContain('s.yaml:5:5: columns.0.min is low');
  });
});

describe('a schema is proposed', () => {
  const csv =
    'n;id;length;yes;note;same;gap\n' +
    Array.from(
      { length: 100 },
      (_, i) => `${i + 7};r${i};${i / 4};${i % 2 ? 'no' : 'ja'};n${i} b;1;${i % 3 ? i : 'NA'}\n`,
    ).join('');

  it('which fits the file, with its delimiter, and says what to decide', async () => {
    expect(await proposeSchema(table(csv))).toBe(`delimiter: ";"
missingValues: [NA]
columns:
  - name: "n"  # counts the rows
    type: ignore
  - name: id  # more than 64 different texts
    type: ignore
  - name: length
    type: numeric
    scale: min-max
    min: 0
    max: 24.75
    decimals: 2
  - name: "yes"
    type: categorical
    categories: [ja, "no"]
  - name: note  # more than 64 different texts
    type: ignore
  - name: same  # the same in every row
    type: ignore
  - name: gap
    type: numeric
    scale: min-max
    min: 1
    max: 98
    decimals: 0
    missing: drop  # 34 of 100 rows; or error, or {fill: VALUE}
`);
  });

  it('in the error that misses it, and works once it is saved', async () => {
    const path = table(csv);
    const error = await failure(prepareDataset(`csv:${path}`));
    expect(error.code).toBe('GANTRY_DATASET_NOT_FOUND');
    expect(error.message).toContain(`as ${path}.schema.yaml:\n\ndelimiter: ";"\n`);
    writeFileSync(`${path}.schema.yaml`, error.message.split(':\n\n')[1]!);
    const source = await openDataset(`csv:${path}`);
    expect(source).toMatchObject({ count: 66, sampleShape: [1, 4, 1] });
    const schema = await parseTableSchema(readFileSync(`${path}.schema.yaml`, 'utf8'), 's');
    expect(usedColumns(schema).map(({ name }) => name)).toEqual(['length', 'yes', 'gap']);
    const rows = readFloats(source, 0, 66);
    // Whoever turns every number back has the file again.
    const kept = csv
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(';'))
      .filter((cells) => cells[6] !== 'NA');
    const expected = kept.map((cells) => [Number(cells[2]).toFixed(2), cells[3], cells[6]]);
    expect(kept.map((_, i) => decodeRow(schema, rows, i * 4))).toEqual(expected);
  });

  it.each(['', 'a,b\n'])('but not for %j', async (text) => {
    expect((await failure(proposeSchema(table(text)))).message).toMatch(/is empty|has no rows/);
  });

  it('and a file that is not there is what is missing', async () => {
    const error = await failure(prepareDataset(`csv:${join(folder, 'none.csv')}`));
    expect(error).toMatchObject({
      code: 'GANTRY_DATASET_NOT_FOUND',
      message: expect.stringMatching(/none\.csv does not exist/),
    });
  });
});
