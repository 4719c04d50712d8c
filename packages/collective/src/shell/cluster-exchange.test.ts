import { NETWORKS, type NetworkName, type Topology, type WireType } from '@gantry/common';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { forkMember } from '../bench/fork-members.js';
import { CHUNK_FLOATS } from '../constants.js';
import {
  type ExchangeReport,
  type ExchangeTask,
  hostPlanOf,
  hostsOf,
  memoryName,
  type PeerAddress,
} from '../testing/exchange-task.js';
import { expectedSums } from '../testing/reference.js';
import { HostMemory } from './host-memory.js';

/** D: several chunks and an odd last one; G: short enough to go whole to everybody. */
const VECTOR_FLOATS = { discriminator: 3 * CHUNK_FLOATS + 48, generator: 1_008 };
const UPDATES: readonly (readonly NetworkName[])[] = [['discriminator'], ['generator'], NETWORKS, NETWORKS];

interface Case {
  /** By member. */
  readonly hosts: string;
  readonly shards: number;
  readonly topology: Topology;
  readonly wire: WireType;
}

const expectedOf = ({ shards, wire }: Pick<Case, 'shards' | 'wire'>): string[] =>
  expectedSums({ updates: UPDATES, vectorFloats: VECTOR_FLOATS, shards, wire });

let counter = 0;

/** One process a member, and memory for each host; the first one asks to stop. */
async function runHosts(which: Case, stopAfter: number | null = null): Promise<ExchangeReport[]> {
  const hosts = [...which.hosts];
  const tasks = hosts.map((_, member): ExchangeTask & { hosts: readonly string[] } => ({
    ...{ ...which, hosts, member, members: hosts.length, hub: null, transport: 'shm' },
    ...{ vectorFloats: VECTOR_FLOATS, updates: UPDATES, name: `hosts-${process.pid}-${counter}` },
    stopAfter: member === 0 ? stopAfter : null,
  }));
  counter++;
  const plans = tasks.map(hostsOf);
  const memories = plans.flatMap((plan, member) =>
    plan.local === 0
      ? [HostMemory.create(memoryName(tasks[member]!, plan.host), hostPlanOf(tasks[member]!, plan))]
      : [],
  );
  const members = hosts.map(() => forkMember('testing/exchange-process.js'));
  try {
    await Promise.all(members.map((member) => member.next()));
    for (const [index, member] of members.entries()) member.send(tasks[index]!);
    const endpoints = await Promise.all(members.map((member) => member.next<PeerAddress>()));
    for (const member of members) member.send(endpoints);
    const reports = await Promise.all(members.map((member) => member.next<ExchangeReport>()));
    expect(await Promise.all(members.map((member) => member.exited))).toEqual(members.map(() => 0));
    return reports;
  } finally {
    for (const member of members) member.child.kill('SIGKILL');
    for (const memory of memories) memory.close();
  }
}

describe('hosts whose workers share memory', () => {
  test.each([
    { hosts: 'aabb', shards: 4, topology: 'direct', wire: 'fp32' },
    { hosts: 'aabb', shards: 7, topology: 'direct', wire: 'bf16' },
    { hosts: 'abbccc', shards: 9, topology: 'direct', wire: 'fp32' },
    { hosts: 'aabccc', shards: 7, topology: 'halving', wire: 'bf16' },
    { hosts: 'aabbcc', shards: 6, topology: 'halving', wire: 'fp32' },
    { hosts: 'aab', shards: 3, topology: 'direct', wire: 'fp16' },
  ] as const)('$hosts, $shards shards, $topology, $wire: the bits of the scalar tree sum', async (which) => {
    const sums = expectedOf(which);
    for (const report of await runHosts(which)) expect(report).toEqual({ sums, stoppedBefore: null });
  });

  test.each(['direct', 'halving'] as const)('the first one stops all of them, %s', async (topology) => {
    const which = { hosts: 'aabbcc', shards: 6, topology, wire: 'fp32' } as const;
    const sums = expectedOf(which).slice(0, 2);
    for (const report of await runHosts(which, 2)) expect(report).toEqual({ sums, stoppedBefore: 3 });
  });
});

describe('without the synchronous sockets', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('the bits are the same, and so is a stop', async () => {
    vi.stubEnv('GANTRY_LIBZMQ', 'off');
    const which = { hosts: 'aabb', shards: 4, topology: 'direct', wire: 'fp32' } as const;
    const sums = expectedOf(which);
    for (const report of await runHosts(which)) expect(report).toEqual({ sums, stoppedBefore: null });
    for (const report of await runHosts(which, 2)) {
      expect(report).toEqual({ sums: sums.slice(0, 2), stoppedBefore: 3 });
    }
  });
});
