import assert from 'node:assert/strict';
import { type NpyArray, parseNpy } from '../../packages/data/dist/npy/npy.js';
import { float32Values, smallWholeValues, uint8Values } from '../../packages/data/dist/npy/values.js';
import { fuzz, REFUSED } from './fuzz.js';

type Values = { readonly array: NpyArray; readonly values: Uint8Array | Float32Array };

/** Array and values, as the data sets take them. */
function parse(bytes: Uint8Array): Values | typeof REFUSED {
  const array = parseNpy('x.npy', Buffer.from(bytes));
  if (array.type === 'uint8') return { array, values: uint8Values(array) };
  if (array.type === 'float32') return { array, values: float32Values(array) };
  return array.kind === 'f' ? REFUSED : { array, values: smallWholeValues(array) };
}

function check({ array, values }: Values, bytes: Uint8Array): void {
  const { shape, data, itemBytes, headerBytes } = array;
  assert(shape.every((size) => Number.isSafeInteger(size) && size > 0));
  assert.equal(
    values.length,
    shape.reduce((product, size) => product * size, 1),
  );
  assert.equal(data.length, values.length * itemBytes);
  assert.equal(headerBytes + data.length, bytes.length);
}

function header(dictionary: string, length = dictionary.length + 1): Uint8Array {
  const head = Buffer.alloc(12);
  head.write('\u0093NUMPY\u0002\u0000', 'latin1');
  head.writeUInt32LE(length, 8);
  return new Uint8Array(Buffer.concat([head, Buffer.from(`${dictionary}\n`)]));
}
const ofShape = (shape: string) => `{'descr': '|u1', 'fortran_order': True, 'shape': ${shape}}`;

fuzz<Values>({
  name: 'npy',
  grammar: 'bytes',
  codes: ['GANTRY_DATASET_INVALID'],
  parse,
  check,
  hostile: [
    { what: 'a header of 2^32 - 1 bytes', bytes: () => header(ofShape('(1,)'), 0xffffffff), growthMiB: 4 },
    { what: 'sizes of 2^53 - 1', bytes: () => header(ofShape('(9007199254740991, 9007199254740991)')), growthMiB: 4 },
    { what: 'a thousand dimensions', bytes: () => header(ofShape(`(${'1,'.repeat(1000)})`)), growthMiB: 4 },
    { what: 'brackets without end', bytes: () => header('{'.repeat(9000)), growthMiB: 4 },
    { what: 'a text without end', bytes: () => header(`{'${'a'.repeat(9000)}`), growthMiB: 4 },
    { what: 'blanks', bytes: () => header(' '.repeat(9900)), growthMiB: 4 },
    { what: 'a pickle', bytes: () => header(`{'descr': '|O', 'fortran_order': False, 'shape': (1,)}`), growthMiB: 4 },
    { what: 'other keys of objects', bytes: () => header(`{'__proto__': '|u1', 'constructor': 1}`), growthMiB: 4 },
  ],
});
