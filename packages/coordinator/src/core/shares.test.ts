import { describe, expect, it } from 'vitest';
import { BALANCE_STEPS } from './constants.js';
import { shardsOfWorkers, shareShards } from './shares.js';
import type { MemberState } from './state.js';

const workers = (...speeds: (number | null)[]) =>
  speeds.map((msPerShard) => ({
    speed: msPerShard === null ? null : { msPerShard, steps: BALANCE_STEPS },
  })) as unknown as MemberState[];
const counts = (shards: number, ...speeds: (number | null)[]) =>
  shardsOfWorkers(shards, workers(...speeds), 'auto').map(({ length }) => length);

describe('shareShards', () => {
  it('lets the last worker be done soonest', () => {
    expect(shareShards(8, [1, 1])).toEqual([4, 4]);
    expect(shareShards(8, [1, 3])).toEqual([6, 2]);
    expect(shareShards(16, [1, 2, 4])).toEqual([10, 4, 2]);
  });

  it('gives everybody something, where there is enough', () => {
    expect(shareShards(4, [1, 1000])).toEqual([3, 1]);
    expect(shareShards(1, [2, 1])).toEqual([0, 1]);
  });
});

describe('shardsOfWorkers', () => {
  it('is by speed where that makes a step much shorter, contiguous', () => {
    expect(shardsOfWorkers(4, workers(1, 4), 'auto')).toEqual([[0, 1, 2], [3]]);
    expect(shardsOfWorkers(4, workers(1, 4), 'even')).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('is even for a small gain, for one worker, and while a speed is not known', () => {
    expect(counts(8, 1, 1.2)).toEqual([4, 4]);
    expect(counts(8, 1)).toEqual([8]);
    expect(counts(8, 1, null)).toEqual([4, 4]);
  });
});
