import { evenShards } from './assignment.js';
import { BALANCE_GAIN_MIN, BALANCE_STEPS } from './constants.js';
import type { MemberState } from './state.js';

/** Shards of workers in assignment order: by their speeds where that makes a step much shorter, evenly otherwise. */
export function shardsOfWorkers(shards: number, workers: readonly MemberState[], mode: 'auto' | 'even'): number[][] {
  const even = evenShards(shards, workers.length);
  const speeds = mode === 'auto' ? speedsOf(workers) : null;
  if (speeds === null) return even;
  const counts = even.map(({ length }) => length);
  const shared = shareShards(shards, speeds);
  if (!isMuchShorter(shared, counts, speeds)) return even;
  let next = 0;
  return shared.map((count) => Array.from({ length: count }, () => next++));
}

/** By worker; null unless all are known well. */
export function speedsOf(members: readonly MemberState[]): number[] | null {
  if (members.length < 2 || members.some(({ speed }) => speed === null || speed.steps < BALANCE_STEPS)) return null;
  return members.map(({ speed }) => speed!.msPerShard);
}

/** How many shards each worker gets so that the last one is done soonest: one by one, to whoever is done first with one more. */
export function shareShards(shards: number, msPerShard: readonly number[]): number[] {
  const least = shards >= msPerShard.length ? 1 : 0;
  const counts = msPerShard.map(() => least);
  for (let left = shards - least * counts.length; left > 0; left--) {
    const ends = counts.map((count, index) => (count + 1) * msPerShard[index]!);
    counts[ends.indexOf(Math.min(...ends))]!++;
  }
  return counts;
}

/** Whether a step's gradients are ready much sooner with `after` than with `before`. */
export function isMuchShorter(
  after: readonly number[],
  before: readonly number[],
  msPerShard: readonly number[],
): boolean {
  return longest(after, msPerShard) <= longest(before, msPerShard) * (1 - BALANCE_GAIN_MIN);
}

function longest(counts: readonly number[], msPerShard: readonly number[]): number {
  return Math.max(...counts.map((count, index) => count * msPerShard[index]!));
}
