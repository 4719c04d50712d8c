import { describe, expect, it } from 'vitest';
import { assignmentOrder, evenShards, sharedMemoryName } from './assignment.js';
import { expired } from './saving.js';
import type { MemberState } from './state.js';

describe('evenShards', () => {
  it('covers every shard once, in order, with sizes that differ by one at most', () => {
    for (let workers = 1; workers <= 9; workers++) {
      for (let shards = workers; shards <= 40; shards++) {
        const owned = evenShards(shards, workers);
        expect(owned.flat()).toEqual(Array.from({ length: shards }, (_, index) => index));
        const sizes = owned.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }
    }
  });
});

describe('assignmentOrder', () => {
  const member = (worker: string, host: string, hub = false) => ({ worker, host, hub }) as MemberState;
  it('goes host by host, by name, with a hub last', () => {
    const members = [
      member('w10', 'a'),
      member('hub', 'b', true),
      member('w2', 'b'),
      member('w1', 'a'),
      member('w3', 'b'),
    ];
    expect(assignmentOrder(members).map(({ worker }) => worker)).toEqual(['w1', 'w10', 'w2', 'w3', 'hub']);
  });
});

describe('sharedMemoryName', () => {
  const run = { runId: 'run-1', generation: 3 };
  const members = (...sessions: string[]) => sessions.map((session) => ({ host: 'a', session }) as MemberState);

  it('is one name for a host, and another one for the next', () => {
    const both = [...members('s'), { host: 'b', session: 't' } as MemberState];
    expect(sharedMemoryName(run, both, 'a')).toBe(sharedMemoryName(run, both, 'a'));
    expect(sharedMemoryName(run, both, 'b')).not.toBe(sharedMemoryName(run, both, 'a'));
  });

  it('is never that of other members, whose generation had the same number', () => {
    expect(sharedMemoryName(run, members('s', 't'), 'a')).not.toBe(sharedMemoryName(run, members('s', 'u'), 'a'));
  });
});

describe('expired', () => {
  it('keeps the newest', () => {
    expect(expired([30, 10, 20, 40], 40, 2)).toEqual([10, 20]);
    expect(expired([10, 20], 20, 2)).toEqual([]);
  });

  it('never gives the last one up', () => {
    expect(expired([10, 20], 20, 0)).toEqual([10]);
    expect(expired([10], 10, 3)).toEqual([]);
    // Newer ones that were there before do not push out what was just saved.
    expect(expired([50, 60, 80], 50, 1)).toEqual([60, 80]);
  });
});
