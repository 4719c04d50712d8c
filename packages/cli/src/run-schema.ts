import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDatasetName, type RunConfig } from '@gantry/common';
import type { TableSchema } from '@gantry/data';
import { usage } from './arguments.js';

/** In the run directory of a run on a table: what its columns mean, as they did when it began. */
const SCHEMA_FILE = 'columns.yaml';

/** What a run directory keeps beside config.yaml, by name: the schema of a table. Empty where this machine has none. */
export async function keptFiles({ dataset }: RunConfig): Promise<Readonly<Record<string, string>>> {
  const name = parseDatasetName(dataset);
  if (!('path' in name) || name.kind !== 'csv') return {};
  const { schemaTextOf } = await import('@gantry/data/table');
  const text = schemaTextOf(name.path, name.options);
  return text === null ? {} : { [SCHEMA_FILE]: text };
}

/**
 * What the numbers of a sample mean: as the run kept it, else from where it had it.
 *
 * @throws GantryError GANTRY_USAGE for a run on no table, GANTRY_DATASET_NOT_FOUND, GANTRY_CONFIG_INVALID
 */
export async function schemaOfRun({ dataset }: RunConfig, runDirectory: string): Promise<TableSchema> {
  const name = parseDatasetName(dataset);
  if (!('path' in name) || name.kind !== 'csv') {
    return usage(`--format csv turns samples back into rows of a table, and the run's data set is ${dataset}`);
  }
  const { parseTableSchema, readTableSchema } = await import('@gantry/data/table');
  const kept = join(runDirectory, SCHEMA_FILE);
  if (!existsSync(kept)) return readTableSchema(name.path, name.options);
  return parseTableSchema(readFileSync(kept, 'utf8'), kept);
}
