import { assert } from '@gantry/common';

/** Shards [start, end) of a run. */
export interface ShardRange {
  readonly start: number;
  readonly end: number;
}

/** One addition: the sum of the slots `left` and `right` takes the place of slot `left`. */
export interface TreeAdd {
  readonly left: number;
  readonly right: number;
}

/**
 * Where the tree over `length` ≥ 2 leaves splits: at the largest power of two below the length. It depends on nothing but
 * the length, so the order of all sums is a property of the run, never of who computes them.
 */
export function splitPoint(length: number): number {
  assert(Number.isInteger(length) && length >= 2, `a tree over ${length} leaves does not split`);
  return 2 ** (31 - Math.clz32(length - 1));
}

/**
 * The maximal complete subtrees of the tree over [0, shards) whose leaves are all owned, in order of their shards. Their
 * sums, and only these, may be computed without knowing any other shard's gradient.
 *
 * @param owned Shard indices; duplicates are ignored.
 */
export function alignedSubtrees(owned: Iterable<number>, shards: number): ShardRange[] {
  const set = new Set(owned);
  for (const shard of set) assert(shard >= 0 && shard < shards, `shard ${shard} of ${shards}`);
  const found: ShardRange[] = [];
  const visit = (start: number, end: number): void => {
    let count = 0;
    for (let shard = start; shard < end; shard++) if (set.has(shard)) count++;
    if (count === end - start) found.push({ start, end });
    else if (count > 0) {
      const middle = start + splitPoint(end - start);
      visit(start, middle);
      visit(middle, end);
    }
  };
  if (shards > 0) visit(0, shards);
  return found;
}

/** The shards of a range, as a list. */
export function shardsOf(range: ShardRange): number[] {
  return Array.from({ length: range.end - range.start }, (_, index) => range.start + index);
}

/**
 * The additions that finish the tree over `root` from the sums of `nodes`, which are subtrees of it that together cover it
 * once, in order. The result ends in slot 0.
 */
export function reduceOrder(nodes: readonly ShardRange[], root: ShardRange): TreeAdd[] {
  const adds: TreeAdd[] = [];
  let next = 0;
  const visit = (start: number, end: number): number => {
    const node = nodes[next];
    assert(node !== undefined && node.start === start && node.end <= end, `no subtree begins with shard ${start}`);
    if (node.end === end) return next++;
    assert(end - start >= 2, `shard ${start} is cut`);
    const middle = start + splitPoint(end - start);
    const left = visit(start, middle);
    const right = visit(middle, end);
    adds.push({ left, right });
    return left;
  };
  visit(root.start, root.end);
  assert(next === nodes.length, 'more subtrees than the tree has');
  return adds;
}
