import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { type EncodedTable, encodeTable } from '../../packages/data/dist/table/encode-table.js';
import type { TableSchema } from '../../packages/data/dist/table/schema.js';
import { fuzz } from './fuzz.js';

const schema: TableSchema = {
  delimiter: ',',
  missingValues: ['', '?'],
  columns: [
    { name: 'x', type: 'numeric', scale: 'min-max', min: 0, max: 4, missing: 'drop' },
    { name: 'k', type: 'categorical', categories: ['a', 'b'], missing: { fill: 'b' } },
  ],
};

/** Numbers of 0…1, one category each. */
function check({ values, count }: EncodedTable): void {
  assert.equal(values.length, count * 3);
  for (let row = 0; row < count; row++) {
    const [x, a, b] = values.subarray(row * 3, row * 3 + 3) as unknown as [number, number, number];
    assert(x >= 0 && x <= 1);
    assert((a === 1 && b === 0) || (a === 0 && b === 1));
  }
}

const text = (content: string) => new Uint8Array(Buffer.from(content));

fuzz<EncodedTable>({
  name: 'table',
  grammar: 'text',
  // Streams take most of the time.
  share: 0.05,
  codes: ['GANTRY_DATASET_INVALID'],
  parse: (bytes) => encodeTable('x.csv', schema, Readable.from([Buffer.from(bytes)])),
  check,
  hostile: [
    { what: 'a quote that nobody closes', bytes: () => text(`x,k\n"${'a'.repeat(8 << 20)}`), growthMiB: 60 },
    { what: 'a million columns', bytes: () => text(`${'x,'.repeat(500_000)}\n`), growthMiB: 150 },
    { what: 'a million empty lines', bytes: () => text(`x,k\n${'\n'.repeat(1_000_000)}`), growthMiB: 60 },
  ],
});
