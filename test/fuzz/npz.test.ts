import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { type DataSource, sampleBytes } from '@gantry/data';
import { readNpzDataset } from '../../packages/data/dist/sources/npz-dataset.js';
import { npy, npz } from '../../packages/data/dist/testing/numpy.js';
import { fuzz } from './fuzz.js';

/** What comes out is what can be trained on. */
function check(source: DataSource): void {
  const { count, sampleShape, labels, classes, pixels, values } = source;
  assert(count > 0 && sampleShape.length === 3 && sampleShape.every((size) => size > 0));
  assert.equal(pixels!.length, count * sampleBytes(source));
  assert(labels === null ? classes === 0 : labels.length === count && labels.every((label) => label < classes));
  if (values === 'float32') {
    assert(new Float32Array(Uint8Array.from(pixels!).buffer).every((value) => value >= 0 && value <= 1));
  }
}

/** An archive of one array, with a field of its directory set. */
function changed(field: number, value: number): Uint8Array {
  const bytes = npz({ x: npy('|u1', [2, 2], new Uint8Array(4)) });
  bytes.writeUInt32LE(value, bytes.indexOf('PK\u0001\u0002') + field);
  return new Uint8Array(bytes);
}

/** 64 MiB of zeros in 64 KiB, which say that they are as much as that, or less. */
function bomb(says: number): Uint8Array {
  const zeros = new Uint8Array(64 << 20);
  const bytes = npz({ x: zeros }, { packed: true });
  assert(bytes.length < deflateRawSync(zeros).length + 1000);
  bytes.writeUInt32LE(says, bytes.indexOf('PK\u0001\u0002') + 24);
  return new Uint8Array(bytes);
}

fuzz<DataSource>({
  name: 'npz',
  grammar: 'bytes',
  // Streams of the zip library take most of the time.
  share: 0.1,
  codes: ['GANTRY_DATASET_INVALID'],
  parse: (bytes) => readNpzDataset('x.npz', Buffer.from(bytes), {}, 'train'),
  check,
  hostile: [
    { what: 'a size of 2^32 - 1', bytes: () => changed(24, 0xffffffff), growthMiB: 4 },
    { what: 'a packed size of 2^32 - 1', bytes: () => changed(20, 0xffffffff), growthMiB: 4 },
    { what: 'an offset of 2^32 - 2', bytes: () => changed(42, 0xfffffffe), growthMiB: 4 },
    // Memory grows by what it unpacks to, in pieces and as a whole.
    { what: 'a bomb', bytes: () => bomb(64 << 20), growthMiB: 200 },
    { what: 'a bomb that says to be small', bytes: () => bomb(100), growthMiB: 16 },
  ],
});
