import { GantryError } from '@gantry/common';
import { parseYamlFile, throwProblems } from '@gantry/common/config';
import { z } from 'zod';

/** Columns of a table with a few hundred categories each fit; what is larger describes no table. */
export const SCHEMA_BYTES_MAX = 256 * 1024;
const CATEGORIES_MAX = 1024;
const COLUMNS_MAX = 4096;

const text = (error: string) => z.string({ error }).min(1, { error });
const finite = (error: string) => z.number({ error });

const name = text('must be the name of a column');
const missing = z.union([z.enum(['error', 'drop']), z.strictObject({ fill: z.union([z.string(), z.number()]) })], {
  error: 'must be error, drop (the row), or {fill: VALUE}',
});
const numeric = { name, type: z.literal('numeric'), missing: missing.optional() };
const decimals = z.int({ error: 'must be a whole number from 0 to 15' }).min(0).max(15).optional();

const column = z.discriminatedUnion(
  'type',
  [
    z.discriminatedUnion(
      'scale',
      [
        z.strictObject({
          ...numeric,
          scale: z.literal('min-max'),
          min: finite('must be the value that becomes 0'),
          max: finite('must be the value that becomes 1'),
          decimals,
        }),
        z.strictObject({
          ...numeric,
          scale: z.literal('standard'),
          mean: finite('must be the value that becomes 0'),
          deviation: z.number({ error: 'must be a number above 0' }).gt(0, { error: 'must be a number above 0' }),
          decimals,
        }),
      ],
      { error: 'must be min-max or standard' },
    ),
    z.strictObject({
      name,
      type: z.literal('categorical'),
      categories: z
        .array(z.string({ error: 'must be a text: write numbers in quotes' }), { error: 'must be a list of texts' })
        .min(1, { error: 'must be a list of texts' })
        .max(CATEGORIES_MAX, { error: `must have at most ${CATEGORIES_MAX} entries` }),
      missing: missing.optional(),
    }),
    z.strictObject({ name, type: z.literal('ignore') }),
  ],
  { error: 'must be numeric, categorical or ignore' },
);

const schema = z.strictObject(
  {
    delimiter: z.string().length(1, { error: 'must be one character' }).optional(),
    missingValues: z.array(z.string({ error: 'must be a text' }), { error: 'must be a list of texts' }).optional(),
    columns: z
      .array(column, { error: 'must be a list of columns' })
      .min(1, { error: 'must be a list of columns' })
      .max(COLUMNS_MAX, { error: `must have at most ${COLUMNS_MAX} columns` }),
  },
  { error: ({ code }) => (code === 'invalid_type' ? 'must be a mapping with the key columns' : undefined) },
);

/** What a column of a table is, and how its cells become numbers. */
export type Column = z.infer<typeof column>;
export type NumericColumn = Extract<Column, { type: 'numeric' }>;
export type CategoricalColumn = Extract<Column, { type: 'categorical' }>;
/** A column that is trained on. */
export type UsedColumn = NumericColumn | CategoricalColumn;

/** How the rows of a table become numbers, and numbers rows again. It holds every constant: nothing depends on the rows. */
export interface TableSchema {
  readonly delimiter: string;
  /** Texts that mean: there is no value. */
  readonly missingValues: readonly string[];
  readonly columns: readonly Column[];
}

const KEYS =
  'delimiter missingValues columns name type scale min max mean deviation decimals categories missing fill'.split(' ');

/**
 * Parses a schema of columns.
 * @param path for messages
 * @throws GantryError GANTRY_CONFIG_INVALID with line and column of every problem
 */
export async function parseTableSchema(yaml: string, path: string): Promise<TableSchema> {
  if (yaml.length > SCHEMA_BYTES_MAX) {
    throw new GantryError('GANTRY_CONFIG_INVALID', `${path} is larger than ${SCHEMA_BYTES_MAX} bytes: not a schema`);
  }
  const { value, where } = await parseYamlFile(yaml, path, { what: 'schema of columns', schema, keys: KEYS });
  const { delimiter = ',', missingValues = [''], columns } = value;
  throwProblems(
    columns.flatMap((entry, i) =>
      columnProblems(entry, columns.slice(0, i)).map(([key, problem]) => ({
        where: where(`columns.${i}.${key}`),
        key: `columns.${i}.${key}`,
        text: problem,
      })),
    ),
  );
  if (columns.every(({ type }) => type === 'ignore')) {
    throwProblems([
      { where: where('columns'), key: 'columns', text: 'ignores every column: nothing is left to train on' },
    ]);
  }
  return { delimiter, missingValues, columns };
}

type Problem = readonly [key: string, text: string];

/** What the shape of a column's description does not say. */
function columnProblems(entry: Column, before: readonly Column[]): Problem[] {
  const problems: Problem[] = [];
  if (before.some((other) => other.name === entry.name))
    problems.push(['name', 'names a column that is there already']);
  if (entry.type === 'ignore') return problems;
  if (entry.type === 'categorical' && new Set(entry.categories).size < entry.categories.length) {
    problems.push(['categories', 'has a text twice']);
  }
  if (entry.type === 'numeric' && entry.scale === 'min-max' && !(entry.min < entry.max)) {
    problems.push(['max', 'must be more than min']);
  }
  const fill = typeof entry.missing === 'object' ? entry.missing.fill : undefined;
  if (fill !== undefined && !fits(entry, fill)) {
    const what = entry.type === 'categorical' ? 'one of the categories' : 'a number, and one from min to max';
    problems.push(['missing', `fills in ${JSON.stringify(fill)}, which must be ${what}`]);
  }
  return problems;
}

function fits(entry: UsedColumn, fill: string | number): boolean {
  if (entry.type === 'categorical') return typeof fill === 'string' && entry.categories.includes(fill);
  if (typeof fill !== 'number') return false;
  return entry.scale === 'standard' || (fill >= entry.min && fill <= entry.max);
}
