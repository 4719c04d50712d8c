import { type Assignment, type Member, type Place, UNMEASURED } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { dataTransport, roleOf, shardRanges, tellsHash } from './member-role.js';

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
  network: UNMEASURED,
});

describe('roleOf', () => {
  it('finds the leader and the maker of each memory', () => {
    const all = assignment(
      member('hub', [], true, 'a', 'attached'),
      member('w1', [0], false, 'a', 'copied'),
      member('w2', [1], false, 'b', 'received'),
    );
    const role = (worker: string) => roleOf(worker, all, 'shm');
    expect(role('hub')).toMatchObject({ member: 0, leader: false, place: 'attached', sharers: [0, 1], maker: 1 });
    expect(role('w1')).toMatchObject({ member: 1, leader: true, place: 'copied', sharer: 1, maker: 1, shards: [0] });
    expect(role('w2')).toMatchObject({ leader: false, place: 'received', sharers: [2], sharer: 0, maker: 0 });
    expect(() => role('w3')).toThrow(/does not name w3/);
  });
});

describe('without shared memory', () => {
  it('every member has its own', () => {
    const all = assignment(member('w1', [0]), member('w2', [1]));
    expect(roleOf('w2', all, 'tcp')).toMatchObject({ member: 1, sharers: [1], sharer: 0, maker: 0 });
  });
});

describe('dataTransport', () => {
  it("is tcp for workers that share memory, unless all are on the coordinator's host", () => {
    expect(dataTransport('shm', true)).toBe(null);
    expect(dataTransport('shm', false)).toBe('tcp');
    expect(dataTransport('ipc', true)).toBe('ipc');
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
