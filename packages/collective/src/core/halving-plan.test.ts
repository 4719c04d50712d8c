import { describe, expect, test } from 'vitest';
import { assignShards, type ShardAssignment } from './assignment.js';
import { type HalvingPlan, planHalving } from './halving-plan.js';
import type { Segment } from './segments.js';

const FLOATS = 16 * 1024;

interface Transfer extends Segment {
  readonly from: number;
  readonly to: number;
}

/** What members send each other before the sum is finished. */
function partialsOf({ additions, owners }: HalvingPlan): Transfer[] {
  return additions.flatMap(({ start, end, leftHome, rightHome, home }) => {
    const [left, right, to] = [owners[leftHome]!, owners[rightHome]!, owners[home]!];
    return left === right ? [] : [{ start, end, from: to === left ? right : left, to }];
  });
}

function sentBy(member: number, transfers: readonly Transfer[]): number {
  return transfers.reduce((sum, { from, start, end }) => sum + (from === member ? end - start : 0), 0);
}

/** How often each float is in a list of segments. */
function coverage(segments: readonly Segment[], floats = FLOATS): Set<number> {
  const counts = new Int32Array(floats);
  for (const { start, end } of segments) for (let index = start; index < end; index++) counts[index]!++;
  return new Set(counts);
}

const uneven: ShardAssignment = {
  shards: 11,
  members: [
    { start: 0, end: 1 },
    { start: 1, end: 1 },
    { start: 1, end: 6 },
    { start: 6, end: 11 },
  ],
  hub: null,
};

describe('halving plan', () => {
  test('with a power of two of members, round k is with the member whose number differs in bit k', () => {
    const plan = planHalving(FLOATS, assignShards(16, 8));
    const partials = partialsOf(plan);
    for (let member = 0; member < 8; member++) {
      const sent = partials.filter(({ from }) => from === member).map(({ to, start, end }) => [to, end - start]);
      expect(sent).toEqual([
        [member ^ 1, FLOATS / 2],
        [member ^ 2, FLOATS / 4],
        [member ^ 4, FLOATS / 8],
      ]);
      expect(sentBy(member, plan.returns)).toBe((FLOATS * 7) / 8);
    }
  });

  test.each([3, 5, 6, 7, 9, 13])(
    '%i members with a shard each send all but an even share, and return as much',
    (members) => {
      const plan = planHalving(FLOATS, assignShards(members, members));
      const share = FLOATS / members;
      // Shares are whole cache lines, one more or less for every cut.
      const slack = 16 * members;
      for (let member = 0; member < members; member++) {
        expect(Math.abs(sentBy(member, partialsOf(plan)) - (FLOATS - share))).toBeLessThan(slack);
      }
      expect(plan.root.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(FLOATS);
      const total = plan.returns.reduce((sum, { start, end }) => sum + end - start, 0);
      expect(total).toBe((members - 1) * FLOATS);
    },
  );

  test.each([
    ['even', assignShards(8, 4)],
    ['more members than shards', assignShards(3, 5)],
    ['odd', assignShards(7, 5)],
    ['uneven, one without shards', uneven],
    ['one member', assignShards(5, 1)],
  ])('%s: every node is summed once, and everybody gets the sum once', (_, assignment) => {
    const plan = planHalving(1_000, assignment);
    const nodes = new Map<string, Segment[]>();
    for (const addition of plan.additions) {
      const key = `${addition.node.start}-${addition.node.end}`;
      nodes.set(key, [...(nodes.get(key) ?? []), addition]);
    }
    for (const segments of nodes.values()) expect(coverage(segments, 1_000)).toEqual(new Set([1]));
    assignment.members.forEach((_range, member) => {
      const own = plan.root.filter(({ home }) => plan.owners[home] === member);
      const got = plan.returns.filter(({ to }) => to === member);
      expect(coverage([...own, ...got], 1_000)).toEqual(new Set([1]));
    });
  });

  test('nobody returns what it does not have yet', () => {
    const plan = planHalving(FLOATS, uneven);
    const has = uneven.members.map(() => new Uint8Array(FLOATS));
    for (const { start, end, home } of plan.root) has[plan.owners[home]!]!.fill(1, start, end);
    for (const { from, to, start, end } of plan.returns) {
      expect(has[from]!.subarray(start, end).every((value) => value === 1)).toBe(true);
      has[to]!.fill(1, start, end);
    }
  });

  test('an empty vector needs nothing', () => {
    const plan = planHalving(0, assignShards(4, 4));
    expect([plan.additions, plan.root, plan.returns]).toEqual([[], [], []]);
  });
});
