import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseNpy } from './npy.js';
import { float32Values, smallWholeValues, uint8Values } from './values.js';

/** A .npy file as a person would write one. */
function npy(dictionary: string, data: Uint8Array, version = 1): Buffer {
  const prefix = version === 1 ? 10 : 12;
  const text = `${dictionary}${' '.repeat(63 - ((prefix + dictionary.length) % 64))}\n`;
  const head = Buffer.alloc(prefix);
  head.write('\u0093NUMPY', 'latin1');
  head[6] = version;
  if (version === 1) head.writeUInt16LE(text.length, 8);
  else head.writeUInt32LE(text.length, 8);
  return Buffer.concat([head, Buffer.from(text), data]);
}
const describeArray = (descr: string, shape: string, fortran = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
const message = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
};

describe('parseNpy', () => {
  it.each([1, 2, 3])('reads format %i.0', (version) => {
    const array = parseNpy('x', npy(describeArray('|u1', '(2, 3)'), Uint8Array.of(1, 2, 3, 4, 5, 6), version));
    expect(array).toMatchObject({ type: 'uint8', shape: [2, 3], fortranOrder: false, itemBytes: 1, headerBytes: 128 });
    expect([...uint8Values(array)]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([
    [`{"shape": (2,), "descr": "|u1", "fortran_order": False}`],
    [`{'descr':'<u1','fortran_order':True,'shape':(2L,)}`],
    [`{'descr': '>u1', 'fortran_order': False, 'shape': (2, 1,), }`],
  ])('takes %s', (dictionary) => {
    expect([...uint8Values(parseNpy('x', npy(dictionary, Uint8Array.of(7, 8))))]).toEqual([7, 8]);
  });

  it('turns the order of bytes and of dimensions into ours', () => {
    const shape = [2, 3, 4];
    const at = (i: number, j: number, k: number) => 100 * i + 10 * j + k;
    const [c, f]: number[][] = [[], []];
    for (let i = 0; i < 2; i++) for (let j = 0; j < 3; j++) for (let k = 0; k < 4; k++) c!.push(at(i, j, k));
    for (let k = 0; k < 4; k++) for (let j = 0; j < 3; j++) for (let i = 0; i < 2; i++) f!.push(at(i, j, k));
    const big = Buffer.alloc(24 * 4);
    for (const [n, value] of f!.entries()) big.writeFloatBE(value, n * 4);
    const dictionary = describeArray('>f4', `(${shape.join(', ')})`, 'True');
    expect([...float32Values(parseNpy('x', npy(dictionary, big)))]).toEqual(c);
  });

  it.each(['|u1', '|i1', '<u2', '>i2', '<i4', '>u4', '<i8', '>i8', '<u8'])('reads labels of %s', (descr) => {
    const bytes = Number(descr[2]);
    const data = Buffer.alloc(2 * bytes);
    for (const [i, value] of [3, 120].entries()) data[i * bytes + (descr[0] === '>' ? bytes - 1 : 0)] = value;
    expect([...smallWholeValues(parseNpy('y', npy(describeArray(descr, '(2,)'), data)))]).toEqual([3, 120]);
  });

  it('names the label that is none', () => {
    const data = Buffer.alloc(8);
    data.writeInt32LE(-1, 4);
    const array = parseNpy('y', npy(describeArray('<i4', '(2,)'), data));
    expect(message(() => smallWholeValues(array))).toBe('y: at byte 132: expected a label of 0 to 255, found -1');
  });

  const good = npy(describeArray('|u1', '(2, 3)'), new Uint8Array(6));
  it.each([
    ['nothing', Buffer.alloc(0), /at byte 0: expected the magic number.*found an empty file/],
    ['something else', deflateRawSync('x'), /magic number/],
    ['version 4', Buffer.concat([good.subarray(0, 6), Buffer.of(4, 0), good.subarray(8)]), /at byte 6: .* found 4\.0/],
    ['a cut header', good.subarray(0, 100), /at byte 100: expected 128 bytes of header/],
    ['cut data', good.subarray(0, 130), /at byte 130: .*shape \(2, 3\) of uint8.*4 bytes are missing/],
    ['data behind the data', Buffer.concat([good, good]), /at byte 134: expected the end of the file.*134 bytes more/],
    ['a structure', npy(`{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}`, good), /several fields/],
    ['objects', npy(describeArray('|O', '(1,)'), good), /at byte 12: expected a type of whole numbers .* found "\|O"/],
    ['complex numbers', npy(describeArray('<c8', '(1,)'), good), /found "<c8"/],
    ["the machine's own order", npy(describeArray('=f4', '(1,)'), good), /found "=f4"/],
    ['a missing key', npy(`{'descr': '|u1', 'shape': (1,)}`, good), /expected the key fortran_order/],
    ['a key twice', npy(`{'descr': '|u1', 'descr': '|u1'}`, good), /every key once/],
    ['another key', npy(`{'type': '|u1'}`, good), /expected one of the keys .* found "type"/],
    ['a size that is none', npy(describeArray('|u1', '(-1,)'), good), /expected a size in the header.*found "-"/],
    ['a number for a tuple', npy(describeArray('|u1', '(3)'), good), /"," behind a size/],
    ['a size of 2^60', npy(describeArray('|u1', '(1152921504606846976,)'), good), /a size below 2\^53/],
    ['no images', npy(describeArray('|u1', '(0, 28, 28)'), good), /sizes above zero/],
    ['text behind the dictionary', npy(`${describeArray('|u1', '(2, 3)')} import os`, good), /blanks to the end/],
  ])('refuses %s', (_, bytes, expected) => {
    expect(message(() => parseNpy('/d/x.npy', bytes))).toMatch(expected);
  });
});
