import { invalidFile } from '../data-file.js';
import { floatsOf } from '../values.js';
import type { NpyArray } from './npy.js';

/** The values of a uint8 array, the last index fastest; a view where the file has them so. */
export function uint8Values(array: NpyArray): Uint8Array {
  return rowMajor<Uint8Array>(array, array.data, (length) => new Uint8Array(length));
}

/** The values of a float32 array, the last index fastest. */
export function float32Values(array: NpyArray): Float32Array {
  const values = floatsOf(array.bigEndian ? Buffer.from(array.data).swap32() : array.data);
  return rowMajor(array, values, (length) => new Float32Array(length));
}

/**
 * The values of an array of whole numbers that are all 0 … 255.
 * @throws GantryError GANTRY_DATASET_INVALID naming the first that is not
 */
export function smallWholeValues(array: NpyArray): Uint8Array {
  const { data, itemBytes } = array;
  const values = new Uint8Array(data.length / itemBytes);
  const number = reader(array);
  for (let i = 0; i < values.length; i++) {
    const value = number(i * itemBytes);
    if (value < 0 || value > 255) {
      throw invalidFile(array.path, array.headerBytes + i * itemBytes, 'a label of 0 to 255', `${value}`);
    }
    values[i] = Number(value);
  }
  return rowMajor(array, values, (length) => new Uint8Array(length));
}

function reader({ data, kind, itemBytes, bigEndian }: NpyArray): (at: number) => number | bigint {
  if (itemBytes === 8) {
    if (kind === 'u') return (at) => (bigEndian ? data.readBigUInt64BE(at) : data.readBigUInt64LE(at));
    return (at) => (bigEndian ? data.readBigInt64BE(at) : data.readBigInt64LE(at));
  }
  if (kind === 'u') return (at) => (bigEndian ? data.readUIntBE(at, itemBytes) : data.readUIntLE(at, itemBytes));
  return (at) => (bigEndian ? data.readIntBE(at, itemBytes) : data.readIntLE(at, itemBytes));
}

/** Brings values whose first index is fastest (Fortran's order) into the order in which the last one is. */
function rowMajor<T extends Uint8Array | Float32Array>(
  array: NpyArray,
  values: T,
  make: (length: number) => NoInfer<T>,
): T {
  const { shape, fortranOrder } = array;
  if (!fortranOrder || shape.length < 2) return values;
  const out = make(values.length);
  const index = new Array<number>(shape.length).fill(0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, size) => product * size, 1));
  for (let to = 0, from = 0; to < out.length; to++) {
    out[to] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
