import { alignedSubtrees, jsVectorSum, reduceOrder, shardsOf } from '@gantry/collective';
import { createLayout } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { blameOrder, findNonFinite, nonFiniteError } from './non-finite.js';

const layout = createLayout([
  { name: 'dense_1/kernel', shape: [2, 3] },
  { name: 'dense_1/bias', shape: [3] },
]);

describe('findNonFinite', () => {
  it('names the first shard and tensor', () => {
    const [first, second] = [new Float32Array(layout.length), new Float32Array(layout.length)];
    expect(findNonFinite([{ shard: 0, values: first }], layout)).toBeNull();
    second[17] = Number.POSITIVE_INFINITY;
    const vectors = [
      { shard: 2, values: first },
      { shard: 3, values: second },
    ];
    expect(findNonFinite(vectors, layout)).toEqual({ shard: 3, tensor: 'dense_1/bias' });
    first[0] = Number.NaN;
    expect(findNonFinite(vectors, layout)).toEqual({ shard: 2, tensor: 'dense_1/kernel' });
  });
});

describe('blameOrder', () => {
  const shards = [2, 3, 4, 5, 6];

  it.each(shards)('finds shard %i among vectors that were summed in place along the tree', (bad) => {
    const values = new Map(shards.map((shard) => [shard, new Float32Array(layout.length).fill(shard)]));
    values.get(bad)![17] = Number.NaN;
    for (const node of alignedSubtrees(shards, 8)) {
      const leaves = shardsOf(node).map((start) => ({ start, end: start + 1 }));
      for (const { left, right } of reduceOrder(leaves, node)) {
        const out = values.get(node.start + left)!;
        jsVectorSum.add(out, out, values.get(node.start + right)!);
      }
    }
    const vectors = blameOrder(shards, true).map((shard) => ({ shard, values: values.get(shard)! }));
    expect(findNonFinite(vectors, layout)?.shard).toBe(bad);
  });

  it('is that of the shards where nothing is summed', () => {
    expect(blameOrder(shards, false)).toEqual(shards);
  });
});

describe('nonFiniteError', () => {
  it('says step, update, shard and tensor', () => {
    const place = { shard: 3, tensor: 'dense_1/bias' };
    const error = nonFiniteError({
      what: 'the gradient',
      network: 'generator',
      step: 4,
      update: 10,
      worker: 'a',
      place,
    });
    expect(error.code).toBe('GANTRY_NON_FINITE');
    expect(error.message).toContain('at step 5 (update 10 of the generator) in shard 3, tensor generator/dense_1/bias');
    expect(error.details).toMatchObject({ step: 5, update: 10, shard: 3, tensor: 'dense_1/bias' });
  });
});
