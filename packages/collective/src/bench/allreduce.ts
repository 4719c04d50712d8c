import type { Topology, Transport, WireType } from '@gantry/common';
import { HostMemory } from '../shell/host-memory.js';
import { cleanStaleSharedMemory } from '../shell/shared-memory.js';
import { assignmentOf, type BenchPeer, type BenchTask, type BenchTimes, benchPlan } from './allreduce-worker.js';
import { forkMember, type Member } from './fork-members.js';

export interface AllreduceBenchOptions {
  /** Processes, each with one shard; topology `star` adds a hub. */
  readonly workers: number;
  /** Sizes of the vectors of floats, in bytes. */
  readonly bytes: readonly number[];
  readonly transport: Transport;
  readonly topology: Topology;
  readonly wire: WireType;
  /**
   * URL of a module that exports `createVectorSum(): VectorSum | null`, as `@gantry/engine` does, for the sums; training uses the same.
   * @default plain JavaScript
   */
  readonly sumModule?: string;
  /** By member, where it runs. @default all on this machine's loopback */
  readonly hosts?: readonly BenchHost[];
  /** Before every round, in milliseconds: a limited link may have saved up by then what it lets through at once. @default 0 */
  readonly pauseMs?: number;
  /** tcp: CURVE, as between hosts with keys. @default false */
  readonly encrypted?: boolean;
}

/** Another host, or a network namespace that stands for one. */
export interface BenchHost {
  /** A command that becomes the one behind it there: `ip netns exec NAME`. */
  readonly within: readonly string[];
  /** Where the others reach it. */
  readonly address: string;
}

export interface AllreduceRow {
  readonly bytes: number;
  /** Until the sum could be read: training computes its update then, and hears meanwhile that its partials are free. */
  readonly msReadable: number;
  /** Until the partials could be written again, too. */
  readonly msMedian: number;
  readonly msP10: number;
  readonly msP90: number;
}

/**
 * Times the all-reduce of fp32 vectors through the exchange that training uses, between processes of their own: partials
 * written → sum readable by all and the partials free for the next update.
 */
export async function benchAllreduce(options: AllreduceBenchOptions): Promise<AllreduceRow[]> {
  const {
    workers,
    bytes,
    transport,
    topology,
    wire,
    sumModule = null,
    hosts,
    pauseMs = 0,
    encrypted = false,
  } = options;
  cleanStaleSharedMemory();
  const members = workers + (topology === 'star' ? 1 : 0);
  const name = `bench-${process.pid}`;
  const { shards } = assignmentOf({ members, topology });
  const memories = bytes.flatMap((size, index) => {
    // Between hosts the vectors are private, but the plan that members open must be the same.
    const floats = Math.max(1, Math.floor(size / 4));
    return [
      HostMemory.create(`${name}-${index}`, benchPlan(members, shards, floats)),
      HostMemory.create(`${name}-${index}-barrier`, benchPlan(members, members, 0)),
    ];
  });
  const children = Array.from({ length: members }, (_, member) =>
    forkMember('bench/allreduce-worker.js', hosts?.[member]?.within),
  );
  try {
    const common = { transport, topology, wire, members, bytes, pauseMs, name, sumModule };
    const tasks = children.map((_, member) => {
      const host = hosts?.[member]?.address;
      return {
        ...common,
        member,
        socket: host === undefined ? { encrypted } : { host, encrypted, insecure: !encrypted },
      };
    });
    const times = await runMembers(children, tasks);
    return bytes.map((size, index) => summarize(size, times[index]!));
  } finally {
    for (const { child } of children) child.kill('SIGKILL');
    for (const memory of memories) memory.close();
  }
}

async function runMembers(children: readonly Member[], tasks: readonly BenchTask[]): Promise<readonly BenchTimes[]> {
  await Promise.all(children.map((child) => child.next()));
  children.forEach((child, member) => {
    child.send(tasks[member]);
  });
  if (tasks[0]!.transport !== 'shm') {
    const peers = await Promise.all(children.map((child) => child.next<BenchPeer>()));
    for (const child of children) child.send(peers);
  }
  const times = await Promise.all(children.map((child) => child.next<readonly BenchTimes[]>()));
  await Promise.all(children.map((child) => child.exited));
  return times[0]!;
}

function summarize(bytes: number, { readable, whole }: BenchTimes): AllreduceRow {
  return {
    bytes,
    msReadable: quantile(readable, 0.5),
    msMedian: quantile(whole, 0.5),
    msP10: quantile(whole, 0.1),
    msP90: quantile(whole, 0.9),
  };
}

function quantile(times: readonly number[], fraction: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))]!;
}
