import { ALIGNMENT_FLOATS, assert, NETWORKS, type NetworkName } from '@gantry/common';
import type { ShardAssignment } from './assignment.js';
import type { ShardRange } from './tree.js';

/**
 * How members of several hosts meet. Those of one host share memory. Between hosts the vector is cut into lanes: worker i
 * of every host exchanges lane i with worker i of all others, as if it were its whole host.
 */
export interface HostsPlan {
  /** Hosts in the place of members: each owns the shards of all its workers. */
  readonly hosts: ShardAssignment;
  /** Index of the own host. */
  readonly host: number;
  /** The own host's members, in order. */
  readonly locals: readonly number[];
  /** Index of this member among them. */
  readonly local: number;
  /** As many as the smallest host has workers. */
  readonly lanes: number;
  /** By host: the member that exchanges the same lane as this one; null: this member has none. */
  readonly peers: readonly number[] | null;
}

export interface HostsPlanOptions {
  readonly assignment: ShardAssignment;
  /** By member: its host's id. */
  readonly hosts: readonly string[];
  readonly member: number;
  readonly vectorFloats: Readonly<Record<NetworkName, number>>;
}

/** All members derive the same hosts and lanes. */
export function planHosts({ assignment, hosts, member, vectorFloats }: HostsPlanOptions): HostsPlan {
  assert(assignment.hub === null, 'a hub works within one host');
  const names = [...new Set(hosts)];
  const members = names.map((name) => hosts.flatMap((host, index) => (host === name ? [index] : [])));
  const ranges = members.map((locals) => rangeOf(locals.map((index) => assignment.members[index]!)));
  const host = names.indexOf(hosts[member]!);
  const locals = members[host]!;
  const local = locals.indexOf(member);
  const workers = Math.min(...members.map(({ length }) => length));
  const lanes = Math.min(workers, ...NETWORKS.map((network) => Math.ceil(vectorFloats[network] / ALIGNMENT_FLOATS)));
  const peers = local < lanes ? members.map((others) => others[local]!) : null;
  return { hosts: { shards: assignment.shards, members: ranges, hub: null }, host, locals, local, lanes, peers };
}

function rangeOf(ranges: readonly ShardRange[]): ShardRange {
  for (const [index, { start }] of ranges.entries()) {
    assert(index === 0 || start === ranges[index - 1]!.end, 'the shards of a host follow each other');
  }
  return { start: ranges[0]!.start, end: ranges.at(-1)!.end };
}
