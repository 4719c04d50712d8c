import { type Member, type Place, type RunConfig, sha256Hex } from '@gantry/common';
import type { MemberState } from './state.js';

const byName = new Intl.Collator('en', { numeric: true });

/**
 * Members in the order of an assignment: host by host, so that the shards of a host follow each other; by name (worker-2 before
 * worker-10), the hosts by their first worker's; a hub last, so that the first is the leader.
 */
export function assignmentOrder(members: readonly MemberState[]): MemberState[] {
  const named = [...members].sort(
    (a, b) => Number(a.hub) - Number(b.hub) || byName.compare(a.worker, b.worker) || (a.worker < b.worker ? -1 : 1),
  );
  const hosts = [...new Set(named.map(({ host }) => host))];
  return named.sort((a, b) => Number(a.hub) - Number(b.hub) || hosts.indexOf(a.host) - hosts.indexOf(b.host));
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

/** Gives shards, by worker, to members that stand in assignment order; a hub gets none. */
export function assignShards(members: readonly MemberState[], owned: readonly (readonly number[])[]): MemberState[] {
  return members.map((member, index) => ({ ...member, shards: member.hub ? [] : owned[index]! }));
}

export function toWire({ worker, host, shards, dataEndpoint, dataKey, hub, place }: MemberState): Member {
  return { worker, host, shards, dataEndpoint, dataKey, hub, place };
}

/** What shares one copy of the state: a host where memory is shared; every member of its own with ipc and tcp. */
export function replicaOf({ worker, host }: MemberState, transport: RunConfig['transport']): string {
  return transport === 'shm' ? host : worker;
}

/** What the members hold together: the update that training goes on from, and who has its state. */
export interface HeldState {
  readonly update: number;
  /** By worker. */
  readonly holders: ReadonlySet<string>;
}

/** What the members hold who hold the state of one generation. */
interface HeldIn {
  readonly generation: number;
  /** The furthest that one of its replicas has applied. */
  readonly last: number;
  /** The lowest of those that are at most one update behind that. */
  readonly update: number;
}

/**
 * The lowest update that a replica of the last generation has applied, from which everybody goes on: replicas are at most one
 * update apart, and one that is ahead still has the state before. Of the reports of one replica the greatest counts.
 *
 * An earlier generation is one update further at most, unless the last one began without it: all went back to a checkpoint, or
 * a disk has lost the journal. Then nothing of it is computed again. The same update of another generation is the same state, and
 * who holds it needs no other's; not where memory is shared, which may have been given back. What came before that update,
 * only a member of its own generation is sure to have: another one may have begun with it.
 *
 * @returns null if nobody holds anything
 */
export function heldState(members: readonly MemberState[], transport: RunConfig['transport']): HeldState | null {
  const groups = heldByGeneration(members, transport);
  const newest = groups[0];
  if (newest === undefined) return null;
  const furthest = groups.reduce((best, group) => (group.last > best.last ? group : best), newest);
  const { generation, update } = furthest.last > newest.update + 1 ? furthest : newest;
  const holds = ({ heldGeneration, heldUpdate }: MemberState): boolean => {
    if (heldGeneration === generation) return heldUpdate >= update;
    return heldGeneration > 0 && heldUpdate === update && transport !== 'shm';
  };
  return { update, holders: new Set(members.filter(holds).map(({ worker }) => worker)) };
}

/** The newest first. */
function heldByGeneration(members: readonly MemberState[], transport: RunConfig['transport']): HeldIn[] {
  const generations = [...new Set(members.map(({ heldGeneration }) => heldGeneration))].filter((one) => one > 0);
  return generations
    .sort((a, b) => b - a)
    .map((generation) => {
      const applied = new Map<string, number>();
      for (const member of members) {
        if (member.heldGeneration !== generation) continue;
        const replica = replicaOf(member, transport);
        applied.set(replica, Math.max(applied.get(replica) ?? 0, member.heldUpdate));
      }
      const last = Math.max(...applied.values());
      return { generation, last, update: Math.min(...[...applied.values()].filter((one) => one >= last - 1)) };
    });
}

/** By member: how the state of the start comes into its memory. `elsewhere`: where no member of a replica holds it. */
export function placesOf(
  members: readonly MemberState[],
  options: { holders: ReadonlySet<string>; elsewhere: 'initial' | 'received'; transport: RunConfig['transport'] },
): Place[] {
  const { holders, elsewhere, transport } = options;
  const replicas = members.map((member) => replicaOf(member, transport));
  return members.map(({ worker }, index) => {
    const replica = replicas[index];
    const holder = members.findIndex((one, at) => replicas[at] === replica && holders.has(one.worker));
    if (holder >= 0) return members[holder]!.worker === worker ? 'copied' : 'attached';
    return replicas.indexOf(replica!) === index ? elsewhere : 'attached';
  });
}

/**
 * Name of one host's shared memory in one generation: two generations never share pages, nor do two hosts that a test
 * plays on one machine. The members' sessions are in it: a coordinator whose journal was lost with the machine's power may give
 * a generation's number again, and a worker that was killed may have left its file.
 */
export function sharedMemoryName(
  run: { runId: string; generation: number },
  members: readonly MemberState[],
  host: string,
): string {
  const hosts = [...new Set(members.map((member) => member.host))];
  const sessions = sha256Hex(members.map(({ session }) => session).join()).slice(0, 8);
  return `${run.runId}-g${run.generation}-${sessions}-h${hosts.indexOf(host)}`;
}
