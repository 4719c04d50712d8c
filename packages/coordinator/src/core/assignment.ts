import type { Member, RunConfig } from '@gantry/common';
import type { MemberState } from './state.js';

const byName = new Intl.Collator('en', { numeric: true });

/** Members in the order of an assignment: by name (worker-2 before worker-10), a hub last, so that the first is the leader. */
export function assignmentOrder(members: readonly MemberState[]): MemberState[] {
  return [...members].sort(
    (a, b) => Number(a.hub) - Number(b.hub) || byName.compare(a.worker, b.worker) || (a.worker < b.worker ? -1 : 1),
  );
}

/** Contiguous, even: the first `shards % workers` workers own one more than the others. */
export function evenShards(shards: number, workers: number): number[][] {
  const owned: number[][] = [];
  let next = 0;
  for (let worker = 0; worker < workers; worker++) {
    const count = Math.floor(shards / workers) + (worker < shards % workers ? 1 : 0);
    owned.push(Array.from({ length: count }, (_, index) => next + index));
    next += count;
  }
  return owned;
}

/** Gives shards to members that stand in assignment order; a hub gets none. */
export function assignShards(members: readonly MemberState[], shards: number): MemberState[] {
  const owned = evenShards(shards, members.filter(({ hub }) => !hub).length);
  return members.map((member, index) => ({ ...member, shards: member.hub ? [] : owned[index]! }));
}

export function toWire({ worker, host, shards, dataEndpoint, dataKey, hub }: MemberState): Member {
  return { worker, host, shards, dataEndpoint, dataKey, hub };
}

/**
 * Members that need a copy of a restored state of their own: the first of each host where memory is shared; all of them
 * with ipc and tcp, where every member is a host of its own.
 */
export function stateHolders(members: readonly MemberState[], transport: RunConfig['transport']): MemberState[] {
  if (transport !== 'shm') return [...members];
  return members.filter((member, index) => members.findIndex(({ host }) => host === member.host) === index);
}

/**
 * Name of one host's shared memory in one generation: two generations never share pages, nor do two hosts that a test
 * plays on one machine.
 */
export function sharedMemoryName(
  run: { runId: string; generation: number },
  members: readonly MemberState[],
  host: string,
): string {
  const hosts = [...new Set(members.map((member) => member.host))];
  return `${run.runId}-g${run.generation}-h${hosts.indexOf(host)}`;
}
