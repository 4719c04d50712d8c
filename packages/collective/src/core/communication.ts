import type { Topology, WireType } from '@gantry/common';
import type { ShardAssignment } from './assignment.js';
import { chunkCount } from './chunks.js';
import type { HalvingPlan } from './halving-plan.js';
import { createSchedule, type DirectSchedule } from './schedules.js';
import type { Segment } from './segments.js';
import type { ShardRange } from './tree.js';
import { isPacked } from './wire.js';

/** What one member sends and receives in one all-reduce of one vector: frames with a payload, and the bytes in them. */
export interface Traffic {
  sentFrames: number;
  sentBytes: number;
  receivedFrames: number;
  receivedBytes: number;
}

/** An all-reduce between hosts, counted from its schedule. */
export interface Communication {
  readonly members: readonly Readonly<Traffic>[];
  /** Messages that must follow one another, from the first partial to the last sum. */
  readonly rounds: number;
}

export interface CommunicationOptions {
  readonly topology: Topology;
  readonly floats: number;
  readonly assignment: ShardAssignment;
  /** @default 'fp32' */
  readonly wire?: WireType;
}

/** Counts what every member sends and receives. Nothing is estimated: the exchange sends these frames, and no others with a payload. */
export function countCommunication({
  topology,
  floats,
  assignment,
  wire = 'fp32',
}: CommunicationOptions): Communication {
  const members = assignment.members.map((): Traffic => ({ ...NOTHING }));
  const schedule = createSchedule(topology, floats, assignment);
  const send = (from: number, to: number, segment: Segment, isLeaf: boolean): void => {
    if (from === to) return;
    const frames = chunkCount(segment);
    const bytes = (segment.end - segment.start) * (isLeaf && isPacked(wire) ? 2 : 4);
    const [sender, receiver] = [members[from]!, members[to]!];
    sender.sentFrames += frames;
    sender.sentBytes += bytes;
    receiver.receivedFrames += frames;
    receiver.receivedBytes += bytes;
  };
  if (schedule.kind === 'direct') sendDirect(schedule, send);
  else sendHalving(schedule.plan, send);
  return { members, rounds: roundsOf(schedule.kind === 'direct' ? schedule : schedule.plan) };
}

const NOTHING: Traffic = { sentFrames: 0, sentBytes: 0, receivedFrames: 0, receivedBytes: 0 };

type Send = (from: number, to: number, segment: Segment, isLeaf: boolean) => void;

const isLeaf = ({ start, end }: ShardRange): boolean => end - start === 1;

function sendDirect({ owned, subtrees, returnsSums }: DirectSchedule, send: Send): void {
  owned.forEach((segment, owner) => {
    for (let member = 0; member < owned.length; member++) {
      for (const node of subtrees[member]!) send(member, owner, segment, isLeaf(node));
      if (returnsSums) send(owner, member, segment, false);
    }
  });
}

function sendHalving({ owners, additions, returns }: HalvingPlan, send: Send): void {
  for (const { home, left, right, leftHome, rightHome, start, end } of additions) {
    const [from, node] = home === leftHome ? [rightHome, right] : [leftHome, left];
    send(owners[from]!, owners[home]!, { start, end }, isLeaf(node));
  }
  for (const { from, to, start, end } of returns) send(from, to, { start, end }, false);
}

function roundsOf(plan: DirectSchedule | HalvingPlan): number {
  if ('owned' in plan) return plan.returnsSums ? 2 : Math.min(1, plan.owned.length - 1);
  return roundsOfHalving(plan);
}

/** Floats of a sum that are in place after so many messages that followed one another. */
interface Arrival extends Segment {
  readonly rounds: number;
}

/** The longest chain of messages, piece by piece: what stays where it is waits for nobody's message but those it is added to. */
function roundsOfHalving({ owners, additions, root, returns }: HalvingPlan): number {
  const nodes = new Map<string, Arrival[]>();
  const sumOf = ({ start, end }: ShardRange): Arrival[] => listAt(nodes, `${start}-${end}`);
  for (const { node, left, right, leftHome, rightHome, home, start, end } of additions) {
    const comesFrom = (from: number): number => (owners[from] === owners[home] ? 0 : 1);
    const piece = { start, end };
    const rounds = Math.max(
      comesFrom(leftHome) + roundsTo(sumOf(left), piece),
      comesFrom(rightHome) + roundsTo(sumOf(right), piece),
    );
    sumOf(node).push({ ...piece, rounds });
  }
  const finished = new Map<number, Arrival[]>();
  const whole = sumOf({ start: 0, end: owners.length });
  for (const { home, start, end } of root) {
    listAt(finished, owners[home]!).push({ start, end, rounds: roundsTo(whole, { start, end }) });
  }
  for (const { from, to, start, end } of returns) {
    const rounds = 1 + roundsTo(listAt(finished, from), { start, end });
    listAt(finished, to).push({ start, end, rounds });
  }
  return Math.max(0, ...[...finished.values()].flat().map(({ rounds }) => rounds));
}

function roundsTo(arrivals: readonly Arrival[], { start, end }: Segment): number {
  let most = 0;
  for (const arrival of arrivals) if (arrival.start < end && arrival.end > start) most = Math.max(most, arrival.rounds);
  return most;
}

function listAt<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const known = lists.get(key) ?? [];
  lists.set(key, known);
  return known;
}
