import { assert, type LinkCosts, type Topology } from '@gantry/common';
import { CHUNK_FLOATS, LOCAL_NETWORK, MESSAGE_MS, WHOLE_VECTOR_FLOATS_MAX } from '../constants.js';
import type { ShardAssignment } from './assignment.js';
import { type HalvingPlan, planHalving } from './halving-plan.js';
import { type Segment, splitSegments, starSegments } from './segments.js';
import { alignedSubtrees, type ShardRange, shardsOf } from './tree.js';

/**
 * How one network's vector is all-reduced between hosts. The tree is fixed by the shards, so every schedule gives the same
 * bits.
 */
export type Schedule = DirectSchedule | HalvingSchedule;

/**
 * Every member sends sub-segment `owned[j]` of the sums of its subtrees to every owner j, which finishes the tree and, if
 * `returnsSums`, sends the sum of its segment to all others.
 */
export interface DirectSchedule {
  readonly kind: 'direct';
  /** By member: the floats that it reduces. Where `returnsSums` is false, the whole vector for everybody. */
  readonly owned: readonly Segment[];
  /** By member: the complete subtrees that it sums itself before it sends. */
  readonly subtrees: readonly (readonly ShardRange[])[];
  readonly returnsSums: boolean;
}

export interface HalvingSchedule {
  readonly kind: 'halving';
  readonly plan: HalvingPlan;
}

/**
 * Chooses and makes the schedule of a vector.
 *
 * Two members exchange the whole vector: as many bytes as reducing halves and returning them, in one round instead of two,
 * and nothing to copy on arrival. With `direct`, short vectors do so among any number of members.
 *
 * @param topology `auto`: what {@link chooseTopology} says.
 * @param costs What it says it by; equal on all members. @default a fast local network
 */
export function createSchedule(
  topology: Topology | 'auto',
  floats: number,
  assignment: ShardAssignment,
  costs: NetworkCosts = LOCAL_NETWORK,
): Schedule {
  const members = assignment.members.length;
  const chosen = topology === 'auto' ? chooseTopology({ floats, members, ...costs }) : topology;
  if (chosen === 'halving' && members > 2) return { kind: 'halving', plan: planHalving(floats, assignment) };
  const kind = 'direct';
  const subtrees = assignment.members.map((range) => alignedSubtrees(shardsOf(range), assignment.shards));
  if (chosen === 'star') {
    assert(assignment.hub !== null, 'topology star needs a hub');
    return { kind, owned: starSegments(floats, members, assignment.hub), subtrees, returnsSums: true };
  }
  if (goesWhole(floats, members)) {
    return { kind, owned: assignment.members.map(() => ({ start: 0, end: floats })), subtrees, returnsSums: false };
  }
  return { kind, owned: splitSegments(floats, members), subtrees, returnsSums: true };
}

function goesWhole(floats: number, members: number): boolean {
  return members <= 2 || floats <= WHOLE_VECTOR_FLOATS_MAX;
}

export interface NetworkCosts {
  /** From one member's send to the other's receipt of a short message. */
  readonly latencyMs: number;
  /** Of one member's link, each way. */
  readonly bytesPerSecond: number;
}

export function networkCosts({ latencyUs, kilobytesPerSecond }: LinkCosts): NetworkCosts {
  return { latencyMs: latencyUs / 1000, bytesPerSecond: kilobytesPerSecond * 1000 };
}

/**
 * The cheaper of `direct` and `halving` for one vector, by a model in which a member's messages leave one after the other:
 *
 *     ms = rounds · latencyMs + messages · MESSAGE_MS + bytes / bytesPerSecond
 *
 * With n members and v bytes, `direct` needs 2 rounds, 2(n − 1) messages and 2v(n − 1)/n bytes (a short vector that goes
 * whole: 1 round, n − 1 messages, v(n − 1) bytes); `halving` needs 2⌈log₂ n⌉ rounds, as many messages, and the same
 * 2v(n − 1)/n bytes. Messages are chunks, so long vectors have more of them. So `direct` wins among few members, and
 * `halving` where a message to everybody costs more than its additional rounds.
 */
export function chooseTopology({
  floats,
  members,
  latencyMs,
  bytesPerSecond,
}: NetworkCosts & {
  readonly floats: number;
  readonly members: number;
}): 'direct' | 'halving' {
  if (members <= 2) return 'direct';
  const bytes = floats * Float32Array.BYTES_PER_ELEMENT;
  const split = (2 * bytes * (members - 1)) / members;
  const cost = (rounds: number, messages: number, sent: number): number => {
    const chunks = Math.max(messages, Math.ceil(sent / (CHUNK_FLOATS * Float32Array.BYTES_PER_ELEMENT)));
    return rounds * latencyMs + chunks * MESSAGE_MS + (sent / bytesPerSecond) * 1000;
  };
  const direct = goesWhole(floats, members)
    ? cost(1, members - 1, bytes * (members - 1))
    : cost(2, 2 * (members - 1), split);
  const rounds = 2 * Math.ceil(Math.log2(members));
  return cost(rounds, rounds, split) < direct ? 'halving' : 'direct';
}

/** The subtrees of all members in the order of their shards, each with its owner: the slots of `reduceOrder`. */
export function subtreesInOrder(schedule: DirectSchedule): { member: number; node: ShardRange }[] {
  return schedule.subtrees
    .flatMap((nodes, member) => nodes.map((node) => ({ member, node })))
    .sort((a, b) => a.node.start - b.node.start);
}

/** The segments whose updates the workers of one host compute: all of the hub's, or an even share of everybody's. */
export function hostSegments(topology: Topology | 'auto', floats: number, assignment: ShardAssignment): Segment[] {
  const members = assignment.members.length;
  if (topology !== 'star') return splitSegments(floats, members);
  assert(assignment.hub !== null, 'topology star needs a hub');
  return starSegments(floats, members, assignment.hub);
}
