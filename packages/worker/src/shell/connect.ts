import { createHash } from 'node:crypto';
import {
  type ControlWords,
  createClusterExchange,
  createHostExchange,
  createPeerExchange,
  type DataSocket,
  type Exchange,
  type HostMemory,
  type HostsPlan,
  jsVectorSum,
  PeerSockets,
  planHosts,
} from '@gantry/collective';
import { type Assignment, assert, type RunConfig } from '@gantry/common';
import { createVectorSum } from '@gantry/engine';
import { type MemberRole, shardRanges } from '../core/member-role.js';

/** What a member needs in order to meet the others. */
export interface ConnectOptions {
  readonly runId: string;
  readonly config: RunConfig;
  readonly assignment: Assignment;
  readonly role: MemberRole;
  readonly memory: HostMemory;
  readonly control: ControlWords;
  /** Null: none is bound, because all are on one host. */
  readonly dataSocket: DataSocket | null;
}

/** A member's side of its generation's exchange, and what has to be closed with it. */
export interface Connection {
  readonly exchange: Exchange;
  staleFrames(): number;
  /** `drain`: what is queued for the others may still leave. */
  close(drain: boolean): Promise<void>;
}

/** Whether workers of more than one host share each its memory. */
export function spansHosts({ config, assignment }: Pick<ConnectOptions, 'config' | 'assignment'>): boolean {
  return config.transport === 'shm' && new Set(assignment.members.map(({ host }) => host)).size > 1;
}

/** By transport and hosts: memory alone, sockets alone, or memory inside a host and sockets between hosts. */
export function connect(options: ConnectOptions): Connection {
  if (spansHosts(options)) return connectHosts(options);
  return options.config.transport === 'shm' ? connectHost(options) : connectPeers(options);
}

function connectHost({ config, assignment, role, memory, control }: ConnectOptions): Connection {
  const { topology, wire } = config;
  const common = { assignment: shardRanges(assignment), topology, wire, control };
  const exchange = createHostExchange({ ...common, memory, member: role.sharer });
  return { exchange, staleFrames: () => 0, close: () => exchange.close() };
}

function connectPeers(options: ConnectOptions): Connection {
  const { config, assignment, role, memory, control } = options;
  const { topology, wire } = config;
  const wires = openWires(options, [...assignment.members.keys()]);
  const common = { assignment: shardRanges(assignment), topology, wire, control };
  const exchange = createPeerExchange({ ...common, ...wires.lane, memory, member: role.member });
  return { exchange, staleFrames: () => exchange.counters.staleFrames, close: closing(exchange, wires) };
}

function connectHosts(options: ConnectOptions): Connection {
  const { config, memory, control } = options;
  const { topology, wire } = config;
  const plan = hostsPlanOf(options);
  const wires = plan.peers === null ? null : openWires(options, plan.peers);
  const exchange = createClusterExchange({ memory, plan, topology, wire, control, lane: wires?.lane ?? null });
  return { exchange, staleFrames: () => exchange.counters.staleFrames, close: closing(exchange, wires) };
}

function hostsPlanOf({ assignment, role, memory }: ConnectOptions): HostsPlan {
  const hosts = assignment.members.map(({ host }) => host);
  const { vectorFloats } = memory.plan;
  return planHosts({ assignment: shardRanges(assignment), hosts, member: role.member, vectorFloats });
}

/** Sockets to other members, and what else an exchange over them needs. */
interface Wires {
  readonly lane: {
    readonly sockets: PeerSockets;
    readonly sum: typeof jsVectorSum;
    readonly run: bigint;
    readonly generation: number;
  };
  close(drain: boolean): void;
}

/** @param peers Members to connect to, by their numbers in the exchange; this one is among them. */
function openWires({ runId, assignment, role, dataSocket }: ConnectOptions, peers: readonly number[]): Wires {
  assert(dataSocket !== null, 'members of several hosts have data sockets');
  const members = peers.map((index) => assignment.members[index]!);
  const endpoints = members.map(({ dataEndpoint, worker }) => (worker === role.worker ? null : dataEndpoint));
  const keys = members.map(({ dataKey }) => dataKey);
  const sockets = new PeerSockets(dataSocket, endpoints, keys);
  const native = createVectorSum();
  const run = createHash('sha256').update(runId).digest().readBigUInt64BE(0);
  const lane = { sockets, sum: native ?? jsVectorSum, run, generation: assignment.generation };
  const close = (drain: boolean): void => {
    sockets.close(drain);
    native?.dispose();
  };
  return { lane, close };
}

function closing(exchange: Exchange, wires: Wires | null): (drain: boolean) => Promise<void> {
  return async (drain) => {
    await exchange.close();
    wires?.close(drain);
  };
}
