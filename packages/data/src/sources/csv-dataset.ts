import { existsSync, readFileSync } from 'node:fs';
import { GantryError } from '@gantry/common';
import { createMemorySource, type DataSource, type Split } from '../source.js';
import { encodeTable } from '../table/encode-table.js';
import { proposeSchema } from '../table/propose-schema.js';
import { parseTableSchema, type TableSchema } from '../table/schema.js';
import { rowWidth } from '../table/transform.js';
import { bytesOf } from '../values.js';
import { noTestSplit } from './splits.js';

type Options = Readonly<Record<string, string>>;

/**
 * Rows of a CSV file as rows of numbers, as its schema says: samples [1, F, 1] of float32. The schema lies beside it
 * (`PATH.schema.yaml`), or where the option `schema` says.
 * @throws GantryError GANTRY_DATASET_NOT_FOUND (with a schema to begin from, where there is none), GANTRY_DATASET_INVALID naming
 * line and column, GANTRY_CONFIG_INVALID for the schema
 */
export async function openCsvDataset(path: string, options: Options, split: Split): Promise<DataSource> {
  if (split === 'test') throw noTestSplit(path, 'csv');
  const schema = await readTableSchema(path, options);
  const { values, dropped } = await encodeTable(path, schema);
  return createMemorySource({
    id: `${path} (${split})`,
    sampleShape: [1, rowWidth(schema), 1],
    classes: 0,
    labels: null,
    values: 'float32',
    pixels: bytesOf(values),
    conversion: { source: 'csv', dropped, ...schema },
  });
}

/** Whether table and schema are there. @throws GantryError as {@link openCsvDataset} does */
export async function checkCsv(path: string, options: Options): Promise<void> {
  if (!existsSync(path)) throw notFound(path, `${path} does not exist`);
  await readTableSchema(path, options);
}

/** @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_CONFIG_INVALID */
export async function readTableSchema(path: string, options: Options): Promise<TableSchema> {
  const file = schemaPath(path, options);
  if (!existsSync(file)) throw await schemaMissing(path, file);
  return parseTableSchema(readFileSync(file, 'utf8'), file);
}

/** The schema as it stands, with its comments; null where it cannot be read here. */
export function schemaTextOf(path: string, options: Options): string | null {
  const file = schemaPath(path, options);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

function schemaPath(path: string, { schema }: Options): string {
  return schema ?? `${path}.schema.yaml`;
}

async function schemaMissing(path: string, file: string): Promise<GantryError> {
  const proposal = await proposeSchema(path);
  const message =
    `${path} needs a description of its columns, and ${file} does not exist. ` +
    `This one fits; see whether it says what the columns mean, and save it (gantry schema --dataset csv:PATH prints it) as ${file}:\n\n${proposal}`;
  return new GantryError('GANTRY_DATASET_NOT_FOUND', message, { details: { file, schema: proposal } });
}

function notFound(path: string, message: string): GantryError {
  return new GantryError('GANTRY_DATASET_NOT_FOUND', message, { details: { file: path } });
}
