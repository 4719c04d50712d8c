import { type Assignment, assert } from '@gantry/common';

/** What a member is in one generation. */
export interface MemberRole {
  readonly worker: string;
  /** Index in the assignment. */
  readonly member: number;
  /** Own shards, ascending; empty for a hub. */
  readonly shards: readonly number[];
  /** The lowest member with shards: it sends pictures and state, and answers a StopRequest. */
  readonly leader: boolean;
  /** The lowest member of its host: it makes the shared memory and puts the state into it. */
  readonly first: boolean;
  /** Index of the host's lowest member. */
  readonly firstOfHost: number;
}

/** Finds a worker in an assignment. */
export function roleOf(worker: string, { members }: Assignment): MemberRole {
  const member = members.findIndex((one) => one.worker === worker);
  assert(member >= 0, `the assignment does not name ${worker}`);
  const { host, shards } = members[member]!;
  const leader = members.findIndex((one) => one.shards.length > 0);
  const firstOfHost = members.findIndex((one) => one.host === host);
  return { worker, member, shards, leader: leader === member, first: firstOfHost === member, firstOfHost };
}

/** By member, its shards as a range, as the collectives take them; and the hub's index. Shards must be contiguous. */
export function shardRanges({ members }: Assignment): {
  shards: number;
  members: { start: number; end: number }[];
  hub: number | null;
} {
  let next = 0;
  const ranges = members.map(({ worker, shards }) => {
    const start = next;
    for (const shard of shards) assert(shard === next++, `shard ${shard} of ${worker} is out of order`);
    return { start, end: next };
  });
  const hub = members.findIndex((one) => one.hub);
  return { shards: next, members: ranges, hub: hub < 0 ? null : hub };
}
