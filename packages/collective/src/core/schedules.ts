import { assert, type Topology } from '@gantry/common';
import { WHOLE_VECTOR_FLOATS_MAX } from '../constants.js';
import type { ShardAssignment } from './assignment.js';
import { type Segment, splitSegments, starSegments } from './segments.js';
import { alignedSubtrees, type ShardRange, shardsOf } from './tree.js';

/**
 * How one network's vector is all-reduced between hosts: every member sends sub-segment `owned[j]` of the sums of its
 * subtrees to every owner j, which finishes the tree and, if `returnsSums`, sends the sum of its segment to all others.
 * The tree is fixed by the shards, so every schedule gives the same bits.
 *
 * A third schedule, recursive halving-doubling, belongs here when runs have many hosts: it has rounds, so it adds a round
 * to each transfer, and keeps `subtrees`.
 */
export interface Schedule {
  /** By member: the floats that it reduces. Where `returnsSums` is false, the whole vector for everybody. */
  readonly owned: readonly Segment[];
  /** By member: the complete subtrees that it sums itself before it sends. */
  readonly subtrees: readonly (readonly ShardRange[])[];
  readonly returnsSums: boolean;
}

/**
 * Chooses and makes the schedule of a vector.
 *
 * Two members exchange the whole vector: as many bytes as reducing halves and returning them, in one round instead of two,
 * and nothing to copy on arrival. Short vectors do so among any number of members.
 */
export function createSchedule(topology: Topology, floats: number, assignment: ShardAssignment): Schedule {
  const members = assignment.members.length;
  const subtrees = assignment.members.map((range) => alignedSubtrees(shardsOf(range), assignment.shards));
  if (topology === 'star') {
    assert(assignment.hub !== null, 'topology star needs a hub');
    return { owned: starSegments(floats, members, assignment.hub), subtrees, returnsSums: true };
  }
  if (members <= 2 || floats <= WHOLE_VECTOR_FLOATS_MAX) {
    return { owned: assignment.members.map(() => ({ start: 0, end: floats })), subtrees, returnsSums: false };
  }
  return { owned: splitSegments(floats, members), subtrees, returnsSums: true };
}

/** The subtrees of all members in the order of their shards, each with its owner: the slots of `reduceOrder`. */
export function subtreesInOrder(schedule: Schedule): { member: number; node: ShardRange }[] {
  return schedule.subtrees
    .flatMap((nodes, member) => nodes.map((node) => ({ member, node })))
    .sort((a, b) => a.node.start - b.node.start);
}

/** The segments whose updates the workers of one host compute: all of the hub's, or an even share of everybody's. */
export function hostSegments(topology: Topology, floats: number, assignment: ShardAssignment): Segment[] {
  const members = assignment.members.length;
  if (topology !== 'star') return splitSegments(floats, members);
  assert(assignment.hub !== null, 'topology star needs a hub');
  return starSegments(floats, members, assignment.hub);
}
