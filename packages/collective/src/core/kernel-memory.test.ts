import { describe, expect, test } from 'vitest';
import { KernelMemory } from './kernel-memory.js';

describe('the kernel’s memory', () => {
  test('gives what there is room for, on cache lines, and then nothing', () => {
    const memory = KernelMemory.make(128 * 1024)!;
    const places = [memory.take(1), memory.take(100_000), memory.take(64)].map((place) => place!.byteOffset);
    expect(places.map((at) => at % 64)).toEqual([0, 0, 0]);
    expect(places[1]! - places[0]!).toBe(64);
    expect(places[2]! - places[1]!).toBeGreaterThanOrEqual(100_000);
    expect(memory.take(1 << 20)).toBeNull();
  });

  test('is found by what lies in it', () => {
    const memory = KernelMemory.make(64)!;
    const { buffer, byteOffset } = memory.take(64)!;
    expect(KernelMemory.of(new Float32Array(buffer, byteOffset, 16))).toBe(memory);
    expect(KernelMemory.of(new Float32Array(16))).toBeNull();
  });

  test('has an end', () => {
    expect(KernelMemory.make(2 ** 33)).toBeNull();
  });
});
