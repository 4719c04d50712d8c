import type { NetworkName, Topology, WireType } from '@gantry/common';
import type { ShardAssignment } from '../core/assignment.js';
import type { Exchange } from '../core/exchange.js';
import type { HostMemoryPlan } from '../core/host-layout.js';
import type { NetworkCosts, Schedule } from '../core/schedules.js';
import type { VectorSum } from '../core/vector-sum.js';
import type { ControlWords } from './control-words.js';
import type { PeerSockets } from './peer-sockets.js';

/** Where the gradients of a member's own shards lie. */
export interface PartialMemory {
  readonly plan: Pick<HostMemoryPlan, 'shards' | 'vectorFloats'>;
  /** @param shard An index among the member's own. */
  partial(network: NetworkName, shard: number): Float32Array;
}

export interface PeerExchangeOptions {
  readonly memory: PartialMemory;
  /** Where the finished sums go. @default memory of its own */
  readonly sums?: (network: NetworkName) => Float32Array;
  readonly assignment: ShardAssignment;
  /** `auto`: by each vector's length, the number of members, and the costs. */
  readonly topology: Topology | 'auto';
  /** Equal for all members. @default a fast local network */
  readonly costs?: NetworkCosts;
  /** What gradients are rounded to; equal for all members. @default 'fp32' */
  readonly wire?: WireType;
  /** This member's index in the assignment. */
  readonly member: number;
  readonly control: ControlWords;
  /** Whether it passes on that it is asked to stop; false: an exchange beside this one does. @default true */
  readonly mayStop?: boolean;
  readonly sockets: Pick<PeerSockets, 'poll' | 'isIdle' | 'setReceiver' | 'send'>;
  readonly sum: VectorSum;
  /** First 64 bits of the SHA-256 of the run's id: frames of other runs are dropped. */
  readonly run: bigint;
  readonly generation: number;
}

/** How many frames were not for this run, generation or update. */
export interface PeerExchangeCounters {
  readonly staleFrames: number;
}

export interface PeerExchangeHandle extends Exchange {
  readonly counters: PeerExchangeCounters;
  /** How each network's vector is exchanged; a star is `direct`, with one owner. */
  readonly schedules: Readonly<Record<NetworkName, Schedule['kind']>>;
  /** Ends when all that was sent has left: before this member waits for anything but its sockets. */
  flush(): 'done' | Promise<'done'>;
}
