import assert from 'node:assert/strict';
import {
  decodeHeader,
  encodeHeader,
  type FileTensor,
  headerLength,
} from '../../packages/coordinator/dist/shell/safetensors.js';
import { fuzz } from './fuzz.js';
import { concat } from './mutate.js';

interface Header {
  readonly tensors: FileTensor[];
  readonly metadata: Record<string, string>;
  /** Bytes behind the header. */
  readonly dataBytes: number;
  readonly text: string;
}

const PREFIX_BYTES = 8;
const CLOSE = '}'.charCodeAt(0);

/** Keys of the outermost object, counted by their colons: in this test's own way. */
function countKeys(text: string): number {
  let depth = 0;
  let count = 0;
  for (const sign of text.replace(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (sign === '{' || sign === '[') depth++;
    else if (sign === '}' || sign === ']') depth--;
    else if (sign === ':' && depth === 1) count++;
  }
  return count;
}

function check({ tensors, metadata, dataBytes, text }: Header): void {
  let end = 0;
  for (const tensor of tensors) {
    assert.match(tensor.name, /^[A-Za-z0-9][A-Za-z0-9._/:-]{0,255}$/);
    assert.equal(tensor.begin, end);
    assert.equal(tensor.end - tensor.begin, 4 * tensor.shape.reduce((product, size) => product * size, 1));
    assert(tensor.shape.length <= 16 && tensor.shape.every((size) => Number.isSafeInteger(size) && size >= 0));
    end = tensor.end;
  }
  assert.equal(end, dataBytes);
  assert(Object.values(metadata).every((value) => typeof value === 'string'));
  const keys = Object.keys(JSON.parse(text));
  assert.equal(countKeys(text), keys.length, 'a name twice');
  assert.equal(tensors.length, keys.length - (keys.includes('__metadata__') ? 1 : 0));
  const again = encodeHeader(tensors, metadata);
  assert.deepEqual(decodeHeader(again.subarray(PREFIX_BYTES), dataBytes).tensors, tensors);
}

const file = (json: string, dataBytes = 0, length = BigInt(Buffer.byteLength(json))): Uint8Array => {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeBigUInt64LE(length);
  return concat(prefix, Buffer.from(json), new Uint8Array(dataBytes));
};
const tensor = (dtype: string, shape = '[1]', offsets = '[0,4]') =>
  `{"t":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`;
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const many = (count: number, one: (index: number) => string) => `{${Array.from({ length: count }, (_, i) => one(i))}}`;

fuzz<Header>({
  name: 'safetensors',
  grammar: 'text',
  codes: ['GANTRY_CHECKPOINT_INVALID'],
  // Mostly the header's length is made right.
  repair: (bytes, random) => {
    if (bytes.length < PREFIX_BYTES || random.below(4) === 0) return bytes;
    const repaired = Uint8Array.from(bytes);
    new DataView(repaired.buffer).setBigUint64(
      0,
      BigInt(Math.max(0, bytes.lastIndexOf(CLOSE) + 1 - PREFIX_BYTES)),
      true,
    );
    return repaired;
  },
  parse: (bytes) => {
    const length = headerLength(bytes.subarray(0, PREFIX_BYTES), bytes.length);
    const header = bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
    const dataBytes = bytes.length - PREFIX_BYTES - length;
    return { ...decodeHeader(header, dataBytes), dataBytes, text: Buffer.from(header).toString() };
  },
  check,
  hostile: [
    { what: 'a header of 2^53 bytes', bytes: () => file('{}', 0, 2n ** 53n), growthMiB: 4 },
    { what: 'a header of 2^64 - 1 bytes', bytes: () => file('{}', 0, 2n ** 64n - 1n), growthMiB: 4 },
    { what: 'a header longer than its file', bytes: () => file('{}', 0, 16n << 20n), growthMiB: 4 },
    { what: 'a type nested 100,000 deep', bytes: () => file(tensor(deep(100_000)), 4), growthMiB: 32 },
    { what: 'a shape nested 100,000 deep', bytes: () => file(tensor('"F32"', deep(100_000)), 4), growthMiB: 32 },
    {
      what: 'a shape of a million sizes',
      bytes: () => file(tensor('"F32"', `[${'1,'.repeat(1e6)}1]`), 4),
      growthMiB: 64,
    },
    {
      what: 'a shape whose product is no number',
      bytes: () => file(tensor('"F32"', `[${'9007199254740991,'.repeat(15)}0]`), 4),
      growthMiB: 4,
    },
    { what: 'a type of a megabyte', bytes: () => file(tensor(`"${'x'.repeat(1 << 20)}"`), 4), growthMiB: 16 },
    { what: 'a name of a megabyte', bytes: () => file(`{"${'x'.repeat(1 << 20)}":{}}`), growthMiB: 16 },
    { what: 'a field of a megabyte', bytes: () => file(`{"t":{"${'x'.repeat(1 << 20)}":1}}`), growthMiB: 16 },
    { what: 'a prototype', bytes: () => file('{"__proto__":{"dtype":"F32"}}'), growthMiB: 4 },
    { what: '50,000 names, all one', bytes: () => file(many(50_000, () => '"a":{}')), growthMiB: 64 },
    {
      what: '50,000 empty tensors',
      bytes: () => file(many(50_000, (i) => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`)),
      growthMiB: 128,
      valid: true,
    },
    {
      what: 'a megabyte of escapes in a text',
      bytes: () => file(`{"a":"${'\\u0000'.repeat(170_000)}"}`),
      growthMiB: 16,
    },
  ],
});
