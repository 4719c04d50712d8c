import { NETWORKS, type NetworkName, type WireType } from '@gantry/common';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { forkMember } from '../bench/fork-members.js';
import { CHUNK_FLOATS } from '../constants.js';
import type { ExchangeReport, ExchangeTask, PeerAddress } from '../testing/exchange-task.js';
import { expectedSums } from '../testing/reference.js';
import { HostMemory } from './host-memory.js';

const SHARDS = 4;
/** D: several chunks and an odd last one; G: short enough to go whole to everybody. */
const VECTOR_FLOATS = { discriminator: 3 * CHUNK_FLOATS + 48, generator: 1_008 };
const UPDATES: readonly (readonly NetworkName[])[] = [
  ['discriminator'],
  ['generator'],
  ['discriminator'],
  NETWORKS,
  NETWORKS,
];

const expectedOf = (wire: WireType): string[] =>
  expectedSums({ updates: UPDATES, vectorFloats: VECTOR_FLOATS, shards: SHARDS, wire });
const expected = { fp32: expectedOf('fp32'), bf16: expectedOf('bf16'), fp16: expectedOf('fp16') };

type Case = Pick<ExchangeTask, 'transport' | 'encrypted' | 'topology' | 'wire' | 'members' | 'hub'>;

/** Runs one process a member; the one that asks to stop is the last. */
async function runMembers(which: Case, stopAfter: number | null = null): Promise<ExchangeReport[]> {
  const base = {
    ...which,
    shards: SHARDS,
    vectorFloats: VECTOR_FLOATS,
    updates: UPDATES,
    name: `test-${process.pid}-${counter++}`,
  };
  const stateFloats = VECTOR_FLOATS.discriminator + VECTOR_FLOATS.generator;
  const plan = { members: which.members, shards: SHARDS, stateFloats, vectorFloats: VECTOR_FLOATS };
  const memory = which.transport === 'shm' ? HostMemory.create(base.name, plan) : null;
  const members = Array.from({ length: which.members }, () => forkMember('testing/exchange-process.js'));
  try {
    await Promise.all(members.map((member) => member.next()));
    members.forEach((member, index) => {
      member.send({ ...base, member: index, stopAfter: index === which.members - 1 ? stopAfter : null });
    });
    if (which.transport !== 'shm') {
      const endpoints = await Promise.all(members.map((member) => member.next<PeerAddress>()));
      for (const member of members) member.send(endpoints);
    }
    const reports = await Promise.all(members.map((member) => member.next<ExchangeReport>()));
    expect(await Promise.all(members.map((member) => member.exited))).toEqual(members.map(() => 0));
    return reports;
  } finally {
    for (const member of members) member.child.kill('SIGKILL');
    memory?.close();
  }
}
let counter = 0;

describe.each(['shm', 'ipc', 'tcp'] as const)('over %s', (transport) => {
  const direct = { transport, topology: 'direct', wire: 'fp32', hub: null } as const;

  test.each([1, 2, 3, 4])('%i members have the bits of the scalar tree sum', async (members) => {
    for (const report of await runMembers({ ...direct, members })) {
      expect(report).toEqual({ sums: expected.fp32, stoppedBefore: null });
    }
  });

  test.each([1, 2, 4])('%i members and a hub have the same bits', async (workers) => {
    for (const report of await runMembers({ ...direct, topology: 'star', members: workers + 1, hub: workers })) {
      expect(report).toEqual({ sums: expected.fp32, stoppedBefore: null });
    }
  });

  test.each([
    [3, 'fp32'],
    [4, 'fp32'],
    [4, 'bf16'],
    [5, 'fp16'],
  ] as const)('%i members that halve %s gradients have the same bits', async (members, wire) => {
    for (const report of await runMembers({ ...direct, topology: 'halving', wire, members })) {
      expect(report).toEqual({ sums: expected[wire], stoppedBefore: null });
    }
  });

  test.each([
    [1, 'bf16'],
    [2, 'fp16'],
    [4, 'bf16'],
  ] as const)('%i members with %s gradients have the bits of the rounded ones', async (members, wire) => {
    for (const report of await runMembers({ ...direct, wire, members })) {
      expect(report).toEqual({ sums: expected[wire], stoppedBefore: null });
    }
  });

  test.each(['direct', 'halving'] as const)(
    'one member that is asked to stop stops all of them, %s',
    async (topology) => {
      for (const report of await runMembers({ ...direct, topology, members: 3 }, 2)) {
        expect(report).toEqual({ sums: expected.fp32.slice(0, 2), stoppedBefore: 3 });
      }
    },
  );
});

describe.each(['on', 'off'] as const)('over tcp with keys, GANTRY_LIBZMQ=%s', (libzmq) => {
  afterEach(() => vi.unstubAllEnvs());

  test.each([
    { members: 3, topology: 'direct', hub: null },
    { members: 3, topology: 'star', hub: 2 },
  ] as const)('$members members, $topology, have the same bits', async (which) => {
    vi.stubEnv('GANTRY_LIBZMQ', libzmq);
    for (const report of await runMembers({ ...which, transport: 'tcp', encrypted: true, wire: 'fp32' })) {
      expect(report).toEqual({ sums: expected.fp32, stoppedBefore: null });
    }
  });
});
