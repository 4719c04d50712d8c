import type { NetworkName, Topology, Transport, WireType } from '@gantry/common';
import { assignShards } from '../core/assignment.js';
import type { HostMemoryPlan } from '../core/host-layout.js';
import { type HostsPlan, planHosts } from '../core/hosts.js';

/** What a forked member does. */
export interface ExchangeTask {
  readonly transport: Transport;
  /** tcp: with keys. */
  readonly encrypted?: boolean;
  readonly topology: Topology;
  readonly wire: WireType;
  readonly member: number;
  readonly members: number;
  readonly hub: number | null;
  /** By member: the host that it plays, where there are several; these share memory, and meet over tcp. */
  readonly hosts?: readonly string[];
  readonly shards: number;
  readonly vectorFloats: Readonly<Record<NetworkName, number>>;
  /** By update: the networks in it. */
  readonly updates: readonly (readonly NetworkName[])[];
  /** shm: name of the memory that the parent made; with hosts, one for each: see {@link memoryName}. */
  readonly name: string;
  /** Ask to stop after this update; null: never. */
  readonly stopAfter: number | null;
}

/** What members tell each other through the coordinator. */
export interface PeerAddress {
  readonly endpoint: string;
  readonly publicKey: string;
}

export interface ExchangeReport {
  /** By update: SHA-256 of the sums of its networks, one after the other. */
  readonly sums: readonly string[];
  readonly stoppedBefore: number | null;
}

export function memoryName(task: Pick<ExchangeTask, 'name'>, host: number): string {
  return `${task.name}-${host}`;
}

/** Where several hosts meet, as one of the members has it. */
export function hostsOf(task: ExchangeTask & { readonly hosts: readonly string[] }): HostsPlan {
  const { shards, members, hosts, member, vectorFloats } = task;
  return planHosts({ assignment: assignShards(shards, members), hosts, member, vectorFloats });
}

/** Of the memory that the members of one host share. */
export function hostPlanOf(task: ExchangeTask, { hosts, host, locals }: HostsPlan): HostMemoryPlan {
  const { start, end } = hosts.members[host]!;
  return { ...planOf({ ...task, members: locals.length }, end - start), sums: true };
}

export function planOf(task: Pick<ExchangeTask, 'members' | 'vectorFloats'>, shards: number): HostMemoryPlan {
  const stateFloats = task.vectorFloats.discriminator + task.vectorFloats.generator;
  return { members: task.members, shards, stateFloats, vectorFloats: task.vectorFloats };
}
