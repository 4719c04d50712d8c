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
  measureNetwork,
  type NetworkCosts,
  networkCosts,
  type PeerExchangeHandle,
  PeerSockets,
  planHosts,
} from '@gantry/collective';
import {
  type Assignment,
  assert,
  type LinkCosts,
  type Message,
  type RunConfig,
  UNMEASURED,
  unreachedAfterMs,
} from '@gantry/common';
import { createVectorSum } from '@gantry/engine';
import { type MemberRole, shardRanges } from '../core/member-role.js';
import { PHASE_INDEX } from './progress-words.js';
import type { StepClock } from './step-clock.js';

/** What a member needs in order to meet the others. */
export interface ConnectOptions {
  readonly runId: string;
  readonly config: RunConfig;
  readonly assignment: Assignment;
  readonly role: MemberRole;
  readonly memory: HostMemory;
  readonly control: ControlWords;
  readonly clock: StepClock;
  readonly send: (message: Message) => void;
  /** Null: none is bound, because all are on one host. */
  readonly dataSocket: DataSocket | null;
}

/** What the network costs, and how the exchange goes; nothing where nothing was measured. */
export interface NetworkReport {
  readonly network: LinkCosts;
  readonly topology: string;
}

/** A member's side of its generation's exchange, and what has to be closed with it. */
export interface Connection {
  readonly exchange: Exchange;
  readonly report: NetworkReport;
  staleFrames(): number;
  /** `drain`: what is queued for the others may still leave. */
  close(drain: boolean): Promise<void>;
}

const NOT_MEASURED: NetworkReport = { network: UNMEASURED, topology: '' };

/** Whether workers of more than one host share each its memory. */
export function spansHosts({ config, assignment }: Pick<ConnectOptions, 'config' | 'assignment'>): boolean {
  return config.transport === 'shm' && new Set(assignment.members.map(({ host }) => host)).size > 1;
}

/** By transport and hosts: memory alone, sockets alone, or memory inside a host and sockets between hosts. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  if (spansHosts(options)) return connectHosts(options);
  return options.config.transport === 'shm' ? connectHost(options) : connectPeers(options);
}

function connectHost({ config, assignment, role, memory, control }: ConnectOptions): Connection {
  const { topology, wire } = config;
  const common = { assignment: shardRanges(assignment), topology, wire, control };
  const exchange = createHostExchange({ ...common, memory, member: role.sharer });
  return { exchange, report: NOT_MEASURED, staleFrames: () => 0, close: () => exchange.close() };
}

async function connectPeers(options: ConnectOptions): Promise<Connection> {
  const { config, assignment, role, memory, control } = options;
  const { topology, wire } = config;
  const wires = openWires(options, [...assignment.members.keys()]);
  const network = await networkOf(options, wires, {
    members: assignment.members.length,
    member: role.member,
    peers: [...assignment.members.keys()],
  });
  const common = { assignment: shardRanges(assignment), topology, wire, control, ...costsOf(network) };
  const exchange = createPeerExchange({ ...common, ...wires.lane, memory, member: role.member });
  const report = reportOf(network, exchange.schedules);
  return { exchange, report, staleFrames: () => exchange.counters.staleFrames, close: closing(exchange, wires) };
}

async function connectHosts(options: ConnectOptions): Promise<Connection> {
  const { config, memory, control } = options;
  const { topology, wire } = config;
  const plan = hostsPlanOf(options);
  const wires = plan.peers === null ? null : openWires(options, plan.peers);
  const hosts = plan.hosts.members.length;
  const place = { members: hosts, member: plan.host, peers: plan.peers ?? [] };
  const network = wires === null ? UNMEASURED : await networkOf(options, wires, place);
  const common = { memory, plan, topology, wire, control, ...costsOf(network) };
  const exchange = createClusterExchange({ ...common, lane: wires?.lane ?? null });
  const report = reportOf(network, exchange.schedules);
  return { exchange, report, staleFrames: () => exchange.counters.staleFrames, close: closing(exchange, wires) };
}

/**
 * What was measured between the same hosts before, or is measured now, by all that exchange the same part of the vector; they
 * end with the same numbers, by which each of them chooses the same with topology auto. With direct and halving it is done to
 * find whoever is not reached before training waits for it. With star workers need not reach one another.
 */
async function networkOf(
  { config, assignment, control, clock, send }: ConnectOptions,
  { lane, close }: Wires,
  { peers, ...place }: { readonly members: number; readonly member: number; readonly peers: readonly number[] },
): Promise<LinkCosts> {
  if (config.topology === 'star' || place.members === 1) return UNMEASURED;
  if (assignment.network.latencyUs > 0) return assignment.network;
  const onUnanswered = (peer: number): void => {
    send({ kind: 'unreached', worker: assignment.members[peers[peer]!]!.worker });
  };
  try {
    // It waits for the others, who may still be compiling.
    clock.enter(PHASE_INDEX.gathering);
    const patience = { patienceMs: unreachedAfterMs(config.leaseMs), onUnanswered };
    const costs = await measureNetwork({ ...lane, ...place, ...patience, update: assignment.startUpdate, control });
    clock.enter(PHASE_INDEX.compiling);
    return costs;
  } catch (error) {
    close(false);
    throw error;
  }
}

function costsOf(network: LinkCosts): { readonly costs?: NetworkCosts } {
  return network.latencyUs === 0 ? {} : { costs: networkCosts(network) };
}

function reportOf(network: LinkCosts, schedules: PeerExchangeHandle['schedules'] | null): NetworkReport {
  if (network.latencyUs === 0 || schedules === null) return NOT_MEASURED;
  const { discriminator, generator } = schedules;
  const topology = discriminator === generator ? discriminator : `D ${discriminator}, G ${generator}`;
  return { network, topology };
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
