/** Header and data together begin at a multiple of this, so that the file can be mapped. */
const ALIGNMENT = 64;
/** Magic, version 1.0, and two bytes for the length of the dictionary. */
const PREFIX_BYTES = 10;

/**
 * What stands before the data of a `.npy` file of uint8 in C order, version 1.0.
 * Source: NEP 1, "A simple file format for NumPy arrays".
 */
export function npyHeader(shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dictionary = `{'descr': '|u1', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((PREFIX_BYTES + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(length, ' ', 'latin1');
  header.write('\u0093NUMPY\u0001\u0000', 0, 'latin1');
  header.writeUInt16LE(length - PREFIX_BYTES, 8);
  header.write(dictionary, PREFIX_BYTES, 'latin1');
  header.write('\n', length - 1, 'latin1');
  return header;
}
