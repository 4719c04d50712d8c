import type { StateChunk } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { acceptChunk, IncomingState } from './state-assembly.js';

const HASH = 'a'.repeat(64);

function chunk(offset: number, bytes: number, more: Partial<StateChunk> = {}): StateChunk {
  const data = Uint8Array.from({ length: bytes }, (_, index) => offset + index);
  return { kind: 'stateChunk', stateUpdate: 4, offset, totalBytes: 12, data, sha256: '', ...more };
}

describe('acceptChunk', () => {
  it('puts chunks together', () => {
    const first = acceptChunk(null, chunk(0, 8), 100);
    expect(first.received).toBe(8);
    const whole = acceptChunk(first, chunk(8, 4, { sha256: HASH }), 100);
    expect(whole).toMatchObject({ update: 4, received: 12, sha256: HASH });
    expect([...whole.bytes]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('begins again at offset 0', () => {
    const first = acceptChunk(null, chunk(0, 8), 100);
    expect(acceptChunk(first, chunk(0, 4, { stateUpdate: 6 }), 100)).toMatchObject({ update: 6, received: 4 });
  });

  it.each([
    ['a gap', chunk(8, 4, { sha256: HASH })],
    ['another update', chunk(4, 4, { stateUpdate: 5 })],
    ['another total', chunk(4, 4, { totalBytes: 16 })],
    ['too many bytes', chunk(4, 9)],
    ['no bytes', chunk(4, 0)],
    ['a hash too early', chunk(4, 4, { sha256: HASH })],
    ['a missing hash', chunk(4, 8)],
    ['a size that is no floats', chunk(0, 4, { totalBytes: 13 })],
    ['more than allowed', chunk(0, 4, { totalBytes: 104 })],
  ])('refuses %s', (_, bad) => {
    const first = acceptChunk(null, chunk(0, 4), 100);
    expect(() => acceptChunk(first, bad, 100)).toThrow(expect.objectContaining({ code: 'GANTRY_PROTOCOL_INVALID' }));
  });

  it('leaves the state as it was when it refuses', () => {
    const first = acceptChunk(null, chunk(0, 4), 100);
    expect(() => acceptChunk(first, chunk(4, 8), 100)).toThrow(/the last has no hash/);
    expect(first).toMatchObject({ received: 4, sha256: '' });
    expect(first.bytes[4]).toBe(0);
    expect(acceptChunk(first, chunk(4, 8, { sha256: HASH }), 100).received).toBe(12);
  });

  it('refuses a state that no memory can hold', () => {
    const huge = chunk(0, 4, { totalBytes: 2 ** 52 });
    expect(() => acceptChunk(null, huge, 2 ** 53)).toThrow(/there is no memory/);
  });

  it('refuses to begin in the middle', () => {
    expect(() => acceptChunk(null, chunk(4, 4), 100)).toThrow(/continues no state/);
  });
});

describe('a state of a generation', () => {
  it('comes together once, whatever of it comes twice', () => {
    const incoming = new IncomingState(100);
    const [first, last] = [chunk(0, 8), chunk(8, 4, { sha256: HASH })];
    expect(incoming.accept(first)).toBe(null);
    expect(incoming.accept(first)).toBe(null);
    expect(incoming.accept(last)).toMatchObject({ update: 4, received: 12 });
    expect(incoming.accept(last)).toBe(null);
    expect(incoming.accept(first)).toBe(null);
  });

  it('comes anew in the next one', () => {
    const incoming = new IncomingState(100);
    expect(incoming.accept(chunk(0, 12, { sha256: HASH }))).not.toBe(null);
    incoming.clear();
    expect(incoming.accept(chunk(0, 12, { sha256: HASH }))).not.toBe(null);
  });

  it('has no gaps', () => {
    const incoming = new IncomingState(100);
    incoming.accept(chunk(0, 4));
    expect(() => incoming.accept(chunk(8, 4, { sha256: HASH }))).toThrow(/4 bytes are there/);
    expect(() => incoming.accept(chunk(2, 4))).toThrow(/4 bytes are there/);
    expect(() => incoming.accept(chunk(0, 0))).toThrow(/0 bytes/);
  });
});
