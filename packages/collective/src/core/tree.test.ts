import { describe, expect, test } from 'vitest';
import { fillAwkward, referenceSum } from '../testing/reference.js';
import { assignShards } from './assignment.js';
import { alignedSubtrees, reduceOrder, type ShardRange, shardsOf, splitPoint } from './tree.js';
import { jsVectorSum } from './vector-sum.js';

/** Adds slots as `reduceOrder` says, in place. */
function reduce(slots: Float32Array[], nodes: readonly ShardRange[], root: ShardRange): Float32Array {
  for (const { left, right } of reduceOrder(nodes, root)) jsVectorSum.add(slots[left]!, slots[left]!, slots[right]!);
  return slots[0]!;
}

describe('tree', () => {
  test('splits at the largest power of two below its length', () => {
    expect([2, 3, 4, 5, 7, 8, 9, 64, 65].map(splitPoint)).toEqual([1, 2, 2, 4, 4, 4, 8, 32, 64]);
  });

  test('finds the maximal complete subtrees', () => {
    const subtrees = (owned: number[], shards: number) =>
      alignedSubtrees(owned, shards).map(({ start, end }) => `${start}-${end}`);
    expect(subtrees([0, 1, 2, 3], 4)).toEqual(['0-4']);
    expect(subtrees([1, 2], 4)).toEqual(['1-2', '2-3']);
    expect(subtrees([1, 2, 3, 4, 5, 6], 7)).toEqual(['1-2', '2-4', '4-7']);
    expect(subtrees([5, 0, 4], 6)).toEqual(['0-1', '4-6']);
    expect(subtrees([], 6)).toEqual([]);
  });

  test('orders the sums', () => {
    const leaves = shardsOf({ start: 0, end: 5 }).map((start) => ({ start, end: start + 1 }));
    const adds = reduceOrder(leaves, { start: 0, end: 5 }).map(({ left, right }) => `${left}+=${right}`);
    expect(adds).toEqual(['0+=1', '2+=3', '0+=2', '0+=4']);
  });

  test('refuses subtrees that leave a shard out, or cut one', () => {
    const root = { start: 0, end: 4 };
    expect(() =>
      reduceOrder(
        [
          { start: 0, end: 2 },
          { start: 3, end: 4 },
        ],
        root,
      ),
    ).toThrow('shard 2');
    expect(() =>
      reduceOrder(
        [
          { start: 0, end: 3 },
          { start: 3, end: 4 },
        ],
        root,
      ),
    ).toThrow();
    expect(() =>
      reduceOrder(
        [
          { start: 0, end: 4 },
          { start: 4, end: 5 },
        ],
        root,
      ),
    ).toThrow('more subtrees');
  });

  test('any assignment of shards to members gives the bits of the scalar sum', () => {
    for (let shards = 1; shards <= 21; shards++) {
      const gradients = shardsOf({ start: 0, end: shards }).map((shard) => {
        const gradient = new Float32Array(33);
        fillAwkward(gradient, shard * 100 + shards);
        return gradient;
      });
      const expected = referenceSum(gradients);
      for (let members = 1; members <= Math.min(shards, 6); members++) {
        const nodes: ShardRange[] = [];
        const slots: Float32Array[] = [];
        for (const range of assignShards(shards, members).members) {
          for (const node of alignedSubtrees(shardsOf(range), shards)) {
            const leaves = shardsOf(node);
            const ranges = leaves.map((start) => ({ start, end: start + 1 }));
            slots.push(
              reduce(
                leaves.map((shard) => gradients[shard]!.slice()),
                ranges,
                node,
              ),
            );
            nodes.push(node);
          }
        }
        expect(reduce(slots, nodes, { start: 0, end: shards })).toEqual(expected);
      }
    }
  });

  test('another order of sums would show', () => {
    const gradients = [1, 2, 3, 4].map((seed) => {
      const gradient = new Float32Array(1000);
      fillAwkward(gradient, seed);
      return gradient;
    });
    const chain = gradients.reduce((sum, gradient) => sum.map((value, index) => Math.fround(value + gradient[index]!)));
    expect(chain).not.toEqual(referenceSum(gradients));
  });
});
