import { describe, expect, it } from 'vitest';
import { EpochOrder, sampleAt } from './order.js';

describe('the order of an epoch', () => {
  it.each([1, 2, 3, 5, 16, 17, 100, 127, 1000, 4097, 60_000])('is a permutation of %i samples', (count) => {
    const order = new EpochOrder(7, count);
    for (const epoch of [0, 1, 1000]) {
      const seen = new Uint8Array(count);
      for (let i = 0; i < count; i++) seen[order.at(epoch, i)]!++;
      expect(seen.every((times) => times === 1)).toBe(true);
    }
  });

  it('differs between epochs and seeds, and is the same whenever it is asked for', () => {
    const list = (seed: number, epoch: number) => Array.from({ length: 50 }, (_, i) => sampleAt(seed, epoch, i, 50));
    const lists = [list(1, 0), list(1, 1), list(1, 2), list(2, 0), list(1 + 2 ** 32, 0)].map(String);
    expect(new Set(lists).size).toBe(lists.length);
    const order = new EpochOrder(1, 50);
    order.at(9, 3);
    expect(Array.from({ length: 50 }, (_, i) => order.at(1, i)).join()).toBe(lists[1]);
  });

  it('shuffles: neighbours are far apart, and positions keep no trace of the index', () => {
    const count = 10_000;
    const order = new EpochOrder(3, count);
    let covariance = 0;
    let neighbours = 0;
    for (let i = 0; i < count; i++) {
      const index = order.at(0, i);
      covariance += ((i - count / 2) * (index - count / 2)) / count ** 3;
      neighbours += Math.abs(index - order.at(0, (i + 1) % count)) / count ** 2;
    }
    expect(Math.abs(covariance * 12)).toBeLessThan(4 / Math.sqrt(count));
    expect(neighbours).toBeCloseTo(1 / 3, 1);
  });

  it('puts every sample first about equally often', () => {
    const counts = new Array<number>(10).fill(0);
    const order = new EpochOrder(5, 10);
    for (let epoch = 0; epoch < 10_000; epoch++) counts[order.at(epoch, 0)]!++;
    const chiSquare = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(27.9); // p = 0.001 at 9 degrees of freedom
  });
});
