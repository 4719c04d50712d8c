import { describe, expect, it } from 'vitest';
import { outvoted } from './verification.js';

const named = (hashes: string) => outvoted(new Map([...hashes].map((hash, index) => [`r${index}`, hash])));

describe('outvoted', () => {
  it('names those who do not hold what most hold', () => {
    expect(named('aaa')).toEqual([]);
    expect(named('aba')).toEqual(['r1']);
    expect(named('bcaaa')).toEqual(['r0', 'r1']);
  });

  it('names all where most do not agree', () => {
    expect(named('ab')).toEqual(['r0', 'r1']);
    expect(named('aabb')).toEqual(['r0', 'r1', 'r2', 'r3']);
    expect(named('abc')).toEqual(['r0', 'r1', 'r2']);
    expect(named('aabc')).toEqual(['r0', 'r1', 'r2', 'r3']);
  });
});
