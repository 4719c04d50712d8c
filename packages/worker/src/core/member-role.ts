import { type Assignment, assert, type Place, type RunConfig, type Transport } from '@gantry/common';

/** What a member is in one generation. */
export interface MemberRole {
  readonly worker: string;
  /** Index in the assignment. */
  readonly member: number;
  /** Own shards, ascending; empty for a hub. */
  readonly shards: readonly number[];
  /** The lowest member with shards: it sends pictures and state, and answers a StopRequest. */
  readonly leader: boolean;
  /** How the state comes into its memory; `attached`: another member of its host makes the memory and puts it there. */
  readonly place: Place;
  /** Members that share its memory, as indices of the assignment: itself alone, unless its host's workers share theirs. */
  readonly sharers: readonly number[];
  /** Index of this member among them. */
  readonly sharer: number;
  /** Index among them of the one that makes the memory: this one itself, unless it is attached. */
  readonly maker: number;
}

/** Finds a worker in an assignment. */
export function roleOf(worker: string, { members }: Assignment, transport: Transport): MemberRole {
  const member = members.findIndex((one) => one.worker === worker);
  assert(member >= 0, `the assignment does not name ${worker}`);
  const { host, shards, place } = members[member]!;
  const leader = members.findIndex((one) => one.shards.length > 0);
  const isSharer = (index: number): boolean =>
    index === member || (transport === 'shm' && members[index]!.host === host);
  const sharers = members.flatMap((_, index) => (isSharer(index) ? [index] : []));
  const sharer = sharers.indexOf(member);
  const maker = place === 'attached' ? sharers.findIndex((index) => members[index]!.place !== 'attached') : sharer;
  assert(maker >= 0, `nobody makes the memory of ${host}`);
  return { worker, member, shards, leader: leader === member, place, sharers, sharer, maker };
}

/**
 * What kind of data socket a worker binds; null: none. Workers of one host share memory, but there may be other hosts, which are
 * reached over tcp. Not where the coordinator has started its workers itself: these are all on its host.
 */
export function dataTransport(transport: Transport, isChild: boolean): 'ipc' | 'tcp' | null {
  if (transport !== 'shm') return transport;
  return isChild ? null : 'tcp';
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

/**
 * Whether a member tells the hash of its replica of the state: where memory is shared, the first member of each host does; else
 * everybody has a replica of its own. A single replica has nothing to be compared with.
 */
export function tellsHash(member: number, { members }: Assignment, transport: RunConfig['transport']): boolean {
  if (transport !== 'shm') return members.length > 1;
  const hosts = members.map(({ host }) => host);
  return new Set(hosts).size > 1 && hosts.indexOf(hosts[member]!) === member;
}
