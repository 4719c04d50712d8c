import { ALIGNMENT_FLOATS, assert } from '@gantry/common';
import type { ShardAssignment } from './assignment.js';
import type { Segment } from './segments.js';
import { alignedSubtrees, type ShardRange, shardsOf, splitPoint } from './tree.js';

/**
 * Floats of a subtree's sum, and where they are: in the gradient of shard `home`, which holds the sum from the first
 * addition on. Who owns that shard holds the sum.
 */
export interface Placed extends Segment {
  readonly home: number;
}

/** One piece of an inner node's sum: `left` and `right` are added where one of them is, `home`; the other one travels. */
export interface HalvingAddition extends Segment {
  readonly node: ShardRange;
  readonly left: ShardRange;
  readonly right: ShardRange;
  readonly leftHome: number;
  readonly rightHome: number;
  readonly home: number;
}

/** A piece of the finished sum that goes back. */
export interface HalvingReturn extends Segment {
  readonly from: number;
  readonly to: number;
}

/** Everything that is added and sent in one all-reduce, by all members. */
export interface HalvingPlan {
  /** By shard. */
  readonly owners: readonly number[];
  /** By member: the complete subtrees that it sums itself. */
  readonly subtrees: readonly (readonly ShardRange[])[];
  /** Children before their parents. */
  readonly additions: readonly HalvingAddition[];
  /** Where the sum of all shards is before it goes back. */
  readonly root: readonly Placed[];
  /** Each after those that bring its sender the piece. */
  readonly returns: readonly HalvingReturn[];
}

/**
 * Recursive halving-doubling along the fixed tree over the shards. A node's sum lies in pieces with the members that own
 * its shards. Where two children meet, each piece lies with one member of either side; these two exchange parts of it, so
 * that each sums one: neighbours first, half the vector, then a quarter from the next ones, as the tree has it. The finished
 * sum goes the same ways back. Between a power of two of members with as many shards each, this is the textbook's
 * algorithm: log₂ rounds each way, and as few bytes as can be.
 *
 * For any other number, pieces are cut in the proportion of the members on either side: with a shard each, everybody ends
 * with an even share, and still sends as few bytes as can be, though to more partners than one in a round. Members
 * without shards only get the sums, from those who finish them.
 */
export function planHalving(floats: number, assignment: ShardAssignment): HalvingPlan {
  const { shards, members } = assignment;
  const owners = ownersOf(assignment);
  const subtrees = members.map((range) => alignedSubtrees(shardsOf(range), shards));
  const additions: HalvingAddition[] = [];
  const visit = (node: ShardRange): readonly Placed[] => {
    const [left, right] = [owners[node.start]!, owners[node.end - 1]!];
    if (left === right) return floats === 0 ? [] : [{ start: 0, end: floats, home: node.start }];
    const middle = node.start + splitPoint(node.end - node.start);
    const children = { left: { start: node.start, end: middle }, right: { start: middle, end: node.end } };
    const added = meet(node, children, [visit(children.left), visit(children.right)], owners);
    additions.push(...added);
    return joined(added);
  };
  const root = visit({ start: 0, end: shards });
  return { owners, subtrees, additions, root, returns: planReturns({ additions, root, owners, assignment }) };
}

function ownersOf({ shards, members }: ShardAssignment): number[] {
  const owners = new Array<number>(shards).fill(-1);
  members.forEach(({ start, end }, member) => {
    for (let shard = start; shard < end; shard++) owners[shard] = member;
  });
  for (let shard = 1; shard < shards; shard++) {
    assert(owners[shard]! >= owners[shard - 1]!, 'members own shards in order');
  }
  assert(
    owners.every((owner) => owner >= 0),
    'every shard has an owner',
  );
  return owners;
}

/** Cuts the pieces of two children where either is cut, and each of these between its two holders. */
function meet(
  node: ShardRange,
  { left, right }: { readonly left: ShardRange; readonly right: ShardRange },
  [ofLeft, ofRight]: readonly [readonly Placed[], readonly Placed[]],
  owners: readonly number[],
): HalvingAddition[] {
  const found: HalvingAddition[] = [];
  const weights: readonly [number, number] = [memberCount(left, owners), memberCount(right, owners)];
  for (let l = 0, r = 0; l < ofLeft.length && r < ofRight.length; ) {
    const [a, b] = [ofLeft[l]!, ofRight[r]!];
    const [start, end] = [Math.max(a.start, b.start), Math.min(a.end, b.end)];
    const common = { node, left, right, leftHome: a.home, rightHome: b.home };
    const cut = owners[a.home] === owners[b.home] ? end : cutBetween({ start, end }, weights);
    if (cut > start) found.push({ ...common, start, end: cut, home: a.home });
    if (end > cut) found.push({ ...common, start: cut, end, home: b.home });
    if (a.end === end) l++;
    if (b.end === end) r++;
  }
  return found;
}

function memberCount({ start, end }: ShardRange, owners: readonly number[]): number {
  return owners[end - 1]! - owners[start]! + 1;
}

/** In the proportion of the weights, on a cache line. */
function cutBetween({ start, end }: Segment, [first, second]: readonly [number, number]): number {
  const lines = Math.ceil((end - start) / ALIGNMENT_FLOATS);
  return Math.min(end, start + Math.round((lines * first) / (first + second)) * ALIGNMENT_FLOATS);
}

/** Where a node's sum is: pieces beside each other in one place are one. */
function joined(added: readonly HalvingAddition[]): Placed[] {
  const pieces: { start: number; end: number; home: number }[] = [];
  for (const { start, end, home } of added) {
    const last = pieces.at(-1);
    if (last?.home === home) last.end = end;
    else pieces.push({ start, end, home });
  }
  return pieces;
}

/** The ways back: from the root down, whoever sent a piece away gets its sum, unless it has it already. */
function planReturns(plan: Pick<HalvingPlan, 'additions' | 'root' | 'owners'> & { assignment: ShardAssignment }) {
  const { additions, root, owners, assignment } = plan;
  const returns: HalvingReturn[] = [];
  const known = assignment.members.map((): Segment[] => []);
  const bring = (from: number, to: number, { start, end }: Segment): void => {
    for (const gap of missingFrom(known[to]!, { start, end })) returns.push({ from, to, ...gap });
    known[to]!.push({ start, end });
  };
  for (const { start, end, home } of root) known[owners[home]!]!.push({ start, end });
  for (const addition of additions.toReversed()) {
    const [left, right] = [owners[addition.leftHome]!, owners[addition.rightHome]!];
    const holder = owners[addition.home]!;
    if (left !== right) bring(holder, holder === left ? right : left, addition);
  }
  const idle = assignment.members.flatMap(({ start, end }, member) => (start === end ? [member] : []));
  for (const member of idle) for (const piece of root) bring(owners[piece.home]!, member, piece);
  return returns;
}

/** What of `wanted` lies in none of the segments. */
function missingFrom(segments: readonly Segment[], wanted: Segment): Segment[] {
  const gaps: Segment[] = [];
  let next = wanted.start;
  for (const { start, end } of segments.toSorted((a, b) => a.start - b.start)) {
    if (end <= next || start >= wanted.end) continue;
    if (start > next) gaps.push({ start: next, end: start });
    next = end;
  }
  if (next < wanted.end) gaps.push({ start: next, end: wanted.end });
  return gaps;
}
