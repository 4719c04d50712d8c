import { describe, expect, it } from 'vitest';
import { idxHeader } from './idx.js';
import { npyHeader } from './npy.js';
import { bytes, count, counted, duration, loss, percent, rate, roughDuration } from './numbers.js';

describe('npy', () => {
  it.each([
    [[5, 28, 28], "{'descr': '|u1', 'fortran_order': False, 'shape': (5, 28, 28), }"],
    [[7], "{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }"],
  ])('header of %j', (shape, dictionary) => {
    const header = Buffer.from(npyHeader(shape));
    expect(header.length % 64).toBe(0);
    expect([...header.subarray(0, 8)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
    expect(header.readUInt16LE(8)).toBe(header.length - 10);
    const text = header.toString('latin1', 10);
    expect(text.trimEnd()).toBe(dictionary);
    expect(text.endsWith(' \n')).toBe(true);
  });
});

it('idx3 header is that of MNIST', () => {
  const hex = Buffer.from(idxHeader([60_000, 28, 28])).toString('hex');
  expect(hex).toBe('000008030000ea600000001c0000001c');
});

it('numbers for people', () => {
  expect(count(12_345.6)).toBe('12,346');
  expect([1, 12_000].map((value) => counted(value, 'sample'))).toEqual(['1 sample', '12,000 samples']);
  expect(rate(0)).toBe('– images/s');
  expect(loss(Number.NaN)).toBe('NaN');
  expect(percent(0.856)).toBe('86 %');
  expect([45, 200, 7500].map(duration)).toEqual(['45 s', '3 min 20 s', '2 h 5 min']);
  expect([45, 200, 3599, 7500].map(roughDuration)).toEqual(['45 s', '3 min', '60 min', '2.1 h']);
  expect([512, 1500, 2.24e6, 123e9].map(bytes)).toEqual(['512 B', '1.5 kB', '2.2 MB', '123 GB']);
});
