import assert from 'node:assert/strict';
import {
  DATA_PIECE_BYTES_MAX,
  decodeEnvelope,
  ENVELOPE_BYTES_MAX,
  type Envelope,
  encodeEnvelope,
  STATE_CHUNK_BYTES_MAX,
} from '@gantry/common';
import { fuzz } from './fuzz.js';
import { concat, encodeFields } from './mutate.js';

const TEXT_CHARS_MAX = 4 << 20;
const ITEMS_MAX = 4096;
const BYTES_MAX = 4 << 20;

/** Every leaf is of a plain kind and within the widest bound of its kind; `path` is for the failure. */
function checkValue(value: unknown, path: string): void {
  if (typeof value === 'string') assert(value.length <= TEXT_CHARS_MAX, path);
  else if (value instanceof Uint8Array) assert(value.length <= BYTES_MAX, path);
  else if (Array.isArray(value)) {
    assert(value.length <= ITEMS_MAX, path);
    for (const item of value) checkValue(item, path);
  } else if (typeof value === 'object' && value !== null) {
    assert.equal(Object.getPrototypeOf(value), Object.prototype, path);
    for (const [key, entry] of Object.entries(value)) checkValue(entry, `${path}.${key}`);
  } else if (typeof value === 'number') {
    const real = /\.(sums|phaseMs)$/.test(path);
    assert(real || (Number.isSafeInteger(value) && value >= 0), path);
    assert(!/phaseMs$/.test(path) || value >= 0, path);
  } else assert.equal(typeof value, 'boolean', path);
}

/** What was decoded can be encoded, by the rules of the sender, and is the same again. */
function check(envelope: Envelope): void {
  checkValue(envelope, envelope.body.kind);
  if (envelope.body.kind === 'stateChunk') assert(envelope.body.data.length <= STATE_CHUNK_BYTES_MAX);
  if (envelope.body.kind === 'dataChunk') assert(envelope.body.data.length <= DATA_PIECE_BYTES_MAX);
  if (envelope.body.kind === 'dataRequest') assert(envelope.body.bytes <= DATA_PIECE_BYTES_MAX);
  const encoded = encodeEnvelope(envelope);
  assert(Buffer.from(encodeEnvelope(decodeEnvelope(encoded))).equals(encoded));
}

const repeated = (bytes: number, ...pattern: number[]) => new Uint8Array(Buffer.alloc(bytes, Uint8Array.from(pattern)));
const body = (field: number, value: Uint8Array) => encodeFields([{ tag: (field << 3) | 2, value }]);
const [ASSIGNMENT, METRICS, STATE_CHUNK, SAMPLES, FAILURE] = [13, 17, 18, 20, 25];
const [DATASET_ANSWER, DATA_CHUNK] = [36, 38];

fuzz<Envelope>({
  name: 'envelope',
  grammar: 'protobuf',
  codes: ['GANTRY_PROTOCOL_INVALID'],
  parse: decodeEnvelope,
  check,
  hostile: [
    { what: '4 MiB of empty submessages', bytes: () => repeated(4 << 20, 0xa2, 0x01, 0x00), growthMiB: 8 },
    { what: '1 MiB of empty members', bytes: () => body(ASSIGNMENT, repeated(1 << 20, 0x12, 0)), growthMiB: 8 },
    { what: '1 MiB of empty steps of metrics', bytes: () => body(METRICS, repeated(1 << 20, 0x0a, 0)), growthMiB: 8 },
    { what: '12 MiB of empty run ids', bytes: () => repeated(12 << 20, 0x0a, 0), growthMiB: 8 },
    { what: '12 MiB of groups in groups', bytes: () => repeated(12 << 20, 0x23), growthMiB: 8 },
    { what: '12 MiB of one endless varint', bytes: () => repeated(12 << 20, 0xff), growthMiB: 8 },
    { what: '12 MiB of unknown fields', bytes: () => repeated(12 << 20, 0x20, 0x01), growthMiB: 8 },
    {
      what: 'a member with a million shards of no order',
      bytes: () => body(ASSIGNMENT, body(2, encodeFields([{ tag: 0x1a, value: repeated((1 << 20) - 32, 1) }]))),
      growthMiB: 48,
    },
    {
      what: 'a step with a hundred thousand sums',
      bytes: () => body(METRICS, body(1, encodeFields([{ tag: 0x1a, value: repeated(800_000, 1) }]))),
      growthMiB: 16,
    },
    {
      what: 'a chunk that claims 2^32 bytes',
      bytes: () => concat(Uint8Array.of(0x92, 0x01, 0x08, 0x22, 0xff, 0xff, 0xff, 0xff, 0x0f), new Uint8Array(2)),
      growthMiB: 4,
    },
    { what: 'a chunk over its bound', bytes: () => body(STATE_CHUNK, body(4, repeated(2 << 20, 1))), growthMiB: 8 },
    {
      what: 'a piece of the data set over its bound',
      bytes: () => body(DATA_CHUNK, body(3, repeated(300 << 10, 1))),
      growthMiB: 4,
    },
    {
      what: 'a manifest over its bound',
      bytes: () => body(DATASET_ANSWER, body(1, repeated((4 << 20) + 1, 0x20))),
      growthMiB: 24,
    },
    {
      what: 'pictures over their bound',
      bytes: () => body(SAMPLES, concat(...[6, 7, 8].map((field) => body(field, repeated((4 << 20) + 1, 1))))),
      growthMiB: 8,
    },
    { what: 'a message in a message in …', bytes: () => nest(body(FAILURE, new Uint8Array(0)), 10_000), growthMiB: 8 },
    { what: 'a frame over every bound', bytes: () => new Uint8Array(ENVELOPE_BYTES_MAX + 1), growthMiB: 4 },
    { what: 'no bytes at all', bytes: () => new Uint8Array(0), growthMiB: 4 },
  ],
});

/** Members in members: as deep as a frame of an assignment can hold. */
function nest(inner: Uint8Array, depth: number): Uint8Array {
  let value = inner;
  for (let level = 0; level < depth; level++) value = body(2, value);
  return body(ASSIGNMENT, value);
}
