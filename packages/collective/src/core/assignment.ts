import { assert } from '@gantry/common';
import type { ShardRange } from './tree.js';

/** Who owns which shards in one generation. Which member owns a shard never changes a number. */
export interface ShardAssignment {
  /** S: the shards of the run. */
  readonly shards: number;
  /** By member: its shards; an empty range for a hub, and for members beyond the number of shards. */
  readonly members: readonly ShardRange[];
  /** Topology `star`: the member that reduces everything; null otherwise. */
  readonly hub: number | null;
}

/**
 * Hands shards to members in order, contiguously and as evenly as whole shards allow; the first members get the
 * remainder. A hub gets none.
 *
 * @param hub Member that only reduces, or null. @default null
 */
export function assignShards(shards: number, members: number, hub: number | null = null): ShardAssignment {
  const owners = hub === null ? members : members - 1;
  assert(shards >= 1 && owners >= 1, `${shards} shards cannot go to ${owners} members`);
  assert(hub === null || (hub >= 0 && hub < members), `hub ${hub} is none of ${members} members`);
  const ranges: ShardRange[] = [];
  let start = 0;
  let owner = 0;
  for (let member = 0; member < members; member++) {
    const count = member === hub ? 0 : Math.floor(shards / owners) + (owner < shards % owners ? 1 : 0);
    if (member !== hub) owner++;
    ranges.push({ start, end: start + count });
    start += count;
  }
  return { shards, members: ranges, hub };
}
