import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chunkCount, chunkPlace, type DatasetManifest, parseDatasetManifest, totalBytes } from '@gantry/data';
import { fuzz } from './fuzz.js';
import type { Random } from './random.js';

/** Whoever moves the data can do so by what was accepted: chunks without a gap, named by hashes. */
function check(manifest: DatasetManifest): void {
  assert.equal(typeof manifest.id, 'string');
  assert(manifest.sampleShape.length === 3 && manifest.sampleShape.every((size) => Number.isSafeInteger(size)));
  let end = 0;
  for (let chunk = 0; chunk < chunkCount(manifest); chunk++) {
    const { offset, bytes, sha256 } = chunkPlace(manifest, chunk);
    assert.equal(offset, end);
    assert(bytes > 0 && bytes <= 2 ** 20);
    assert.match(sha256, /^[0-9a-f]{64}$/);
    end += bytes;
  }
  assert.equal(end, totalBytes(manifest));
  assert.equal(manifest.sha256, hashOf(manifest));
}

function hashOf({
  id: _id,
  sha256: _sha256,
  conversion: _conversion,
  ...content
}: Readonly<Record<string, unknown>> | DatasetManifest): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/** Every other input has the hash of what it has become. */
function repair(bytes: Uint8Array, random: Random): Uint8Array {
  if (random.below(2) === 0) return bytes;
  try {
    const fields = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>;
    return new Uint8Array(Buffer.from(JSON.stringify({ ...fields, sha256: hashOf(fields) })));
  } catch {
    return bytes;
  }
}

const HASH = 'a'.repeat(64);
const SMALL = {
  id: 'small',
  count: 3,
  sampleShape: [2, 2, 1],
  values: 'uint8',
  conversion: null,
  classes: 0,
  sampleBytes: 4,
  chunkBytes: 2 ** 20,
  chunks: [HASH],
  labelChunks: [],
};
const changed = (change: object) => (): Uint8Array => {
  const fields = { ...SMALL, ...change };
  return new Uint8Array(Buffer.from(JSON.stringify({ ...fields, sha256: hashOf(fields) })));
};
const DEEP = '['.repeat(200_000) + ']'.repeat(200_000);
const text = (json: string) => () => new Uint8Array(Buffer.from(json));

fuzz<DatasetManifest>({
  name: 'dataset-manifest',
  grammar: 'text',
  codes: ['GANTRY_DATASET_INVALID'],
  repair,
  parse: (bytes) => parseDatasetManifest(Buffer.from(bytes).toString('utf8')),
  check,
  hostile: [
    {
      what: '2^31 samples of 2^30 bytes in one chunk',
      bytes: changed({ count: 2 ** 31 - 1, sampleBytes: 2 ** 30 }),
      growthMiB: 4,
    },
    { what: '60,000 chunks where one is due', bytes: changed({ chunks: new Array(60_000).fill(HASH) }), growthMiB: 32 },
    { what: 'a chunk whose name climbs', bytes: changed({ chunks: ['../../../../../../etc/passwd'] }), growthMiB: 4 },
    { what: 'chunks of one byte', bytes: changed({ chunkBytes: 1 }), growthMiB: 4 },
    { what: 'an unknown field 200,000 deep', bytes: () => deepField(), growthMiB: 96 },
    { what: 'a count of 1e400', bytes: text('{"id":"x","count":1e400}'), growthMiB: 4 },
    { what: 'a prototype', bytes: text('{"__proto__":{"id":"x","count":1}}'), growthMiB: 4 },
    { what: 'brackets without end', bytes: text('['.repeat(1 << 20)), growthMiB: 64 },
    { what: 'null', bytes: text('null'), growthMiB: 4 },
  ],
});

function deepField(): Uint8Array {
  const json = JSON.stringify({ ...SMALL, sha256: HASH, more: 'HERE' });
  return new Uint8Array(Buffer.from(json.replace('"HERE"', () => DEEP)));
}
