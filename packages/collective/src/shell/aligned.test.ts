import koffi from 'koffi';
import { expect, test } from 'vitest';
import { alignedFloats, alignedMemory } from './aligned.js';

test('memory begins on a cache line, whatever its size', () => {
  for (const length of [1, 15, 1000, 131_072, 1 << 20]) {
    const floats = alignedFloats(length);
    expect(floats).toHaveLength(length);
    expect(koffi.address(floats) % 64n).toBe(0n);
    const { buffer, byteOffset } = alignedMemory(length);
    expect(buffer.byteLength - byteOffset).toBeGreaterThanOrEqual(length);
  }
});
