import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { encodeIdx, type IdxArray } from '@gantry/data';
import { parseIdx, unpack } from '../../packages/data/dist/idx.js';
import { fuzz } from './fuzz.js';

const RANKS = [1, 3, 4];

/** A file is its header and its data: written again, the same bytes come out. */
function check({ shape, data, headerBytes }: IdxArray, bytes: Uint8Array): void {
  assert(RANKS.includes(shape.length));
  assert.equal(headerBytes, 4 + 4 * shape.length);
  assert(shape.every((size) => size > 0));
  assert.equal(
    data.length,
    shape.reduce((product, size) => product * size, 1),
  );
  if (bytes[0] === 0) assert.deepEqual(Buffer.from(encodeIdx(shape, data)), Buffer.from(bytes));
}

const sizes = (...values: number[]): Uint8Array => {
  const header = Buffer.alloc(4 + 4 * values.length);
  header.set([0, 0, 8, values.length]);
  values.forEach((value, i) => {
    header.writeUInt32BE(value, 4 + 4 * i);
  });
  return new Uint8Array(header);
};

fuzz<IdxArray>({
  name: 'idx',
  grammar: 'bytes',
  codes: ['GANTRY_DATASET_INVALID'],
  parse: (bytes) => parseIdx('images.gz', unpack('images.gz', Buffer.from(bytes)), RANKS),
  check,
  hostile: [
    {
      what: 'four sizes of 2^32 - 1',
      bytes: () => sizes(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff),
      growthMiB: 4,
    },
    { what: '2^32 images of no size', bytes: () => sizes(0xffffffff, 0, 0), growthMiB: 4 },
    { what: '255 dimensions', bytes: () => sizes(...Array<number>(255).fill(1)), growthMiB: 4 },
    { what: 'a header without data', bytes: () => sizes(60_000, 28, 28), growthMiB: 4 },
    // 64 MiB in 64 KiB: memory grows by what it unpacks to, and not by more than twice that.
    { what: 'a bomb of zeros', bytes: () => new Uint8Array(gzipSync(new Uint8Array(64 << 20))), growthMiB: 140 },
    { what: 'a gzip header alone', bytes: () => Uint8Array.of(0x1f, 0x8b), growthMiB: 4 },
  ],
});
