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

/** Of a halving plan: the deepest chain of additions between members, down and back. */
function roundsOf(plan: DirectSchedule | HalvingPlan): number {
  if ('owned' in plan) return plan.returnsSums ? 2 : Math.min(1, plan.owned.length - 1);
  const { owners, additions } = plan;
  const depths = new Map<string, number>();
  const depthOf = ({ start, end }: ShardRange): number => depths.get(`${start}-${end}`) ?? 0;
  for (const { node, left, right, leftHome, rightHome } of additions) {
    const travels = owners[leftHome] === owners[rightHome] ? 0 : 1;
    const depth = travels + Math.max(depthOf(left), depthOf(right));
    const key = `${node.start}-${node.end}`;
    depths.set(key, Math.max(depths.get(key) ?? 0, depth));
  }
  return 2 * Math.max(0, ...depths.values());
}
