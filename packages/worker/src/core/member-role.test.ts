import type { Assignment, Member, Place } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { roleOf, shardRanges, tellsHash } from './member-role.js';

const member = (worker: string, shards: number[], hub = false, host = 'a', place: Place = 'initial'): Member => ({
  worker,
  host,
  shards,
  dataEndpoint: '',
  dataKey: '',
  hub,
  place,
});

const assignment = (...members: Member[]): Assignment => ({
  kind: 'assignment',
  generation: 1,
  members,
  sharedMemory: '',
  startUpdate: 0,
  stateSha256: '',
});

describe('roleOf', () => {
  it('finds the leader and the maker of each memory', () => {
    const all = assignment(
      member('hub', [], true, 'a', 'attached'),
      member('w1', [0], false, 'a', 'copied'),
      member('w2', [1], false, 'b', 'received'),
    );
    expect(roleOf('hub', all)).toMatchObject({ member: 0, leader: false, place: 'attached', maker: 1 });
    expect(roleOf('w1', all)).toMatchObject({ member: 1, leader: true, place: 'copied', maker: 1, shards: [0] });
    expect(roleOf('w2', all)).toMatchObject({ leader: false, place: 'received', maker: 2 });
    expect(() => roleOf('w3', all)).toThrow(/does not name w3/);
  });
});

describe('tellsHash', () => {
  const all = assignment(
    member('w1', [0], false, 'a'),
    member('w2', [1], false, 'b'),
    member('w3', [2], false, 'a'),
    member('w4', [3], false, 'b'),
  );
  const tellers = (one: Assignment, transport: 'shm' | 'tcp') =>
    one.members.map((_, index) => tellsHash(index, one, transport));

  it('is one member of each host that shares memory, or everybody', () => {
    expect(tellers(all, 'shm')).toEqual([true, true, false, false]);
    expect(tellers(all, 'tcp')).toEqual([true, true, true, true]);
  });

  it('is nobody where there is one replica', () => {
    expect(tellers(assignment(member('w1', [0]), member('w2', [1])), 'shm')).toEqual([false, false]);
    expect(tellers(assignment(member('w1', [0, 1])), 'tcp')).toEqual([false]);
  });
});

describe('shardRanges', () => {
  it('gives contiguous ranges and the hub', () => {
    const all = assignment(member('w1', [0, 1]), member('w2', [2]), member('hub', [], true));
    const members = [
      { start: 0, end: 2 },
      { start: 2, end: 3 },
      { start: 3, end: 3 },
    ];
    expect(shardRanges(all)).toEqual({ shards: 3, members, hub: 2 });
    expect(shardRanges(assignment(member('w1', [0])))).toMatchObject({ shards: 1, hub: null });
  });

  it('refuses shards out of order', () => {
    expect(() => shardRanges(assignment(member('w1', [1]), member('w2', [0])))).toThrow(/shard 1 of w1/);
  });
});
