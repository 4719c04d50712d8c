import { assert, type NetworkName, type Topology, type WireType } from '@gantry/common';
import type { ShardAssignment } from '../core/assignment.js';
import type { Exchange, GatherResult } from '../core/exchange.js';
import { hostSegments } from '../core/schedules.js';
import type { Segment } from '../core/segments.js';
import { shardsOf } from '../core/tree.js';
import { roundToWire } from '../core/wire.js';
import type { ControlWords } from './control-words.js';
import type { HostMemory } from './host-memory.js';
import { type SequenceWord, spinMs } from './signal.js';

export interface HostExchangeOptions {
  readonly memory: HostMemory;
  readonly assignment: ShardAssignment;
  readonly topology: Topology | 'auto';
  /** What gradients are rounded to; equal for all members. @default 'fp32' */
  readonly wire?: WireType;
  /** This member's index in the assignment. */
  readonly member: number;
  readonly control: ControlWords;
  /** Milliseconds that a wait polls before it sleeps. @default by members and cores */
  readonly spin?: number;
}

/** The exchange of a host whose workers share memory (or of its only worker): two barriers on words, nothing is copied. */
export function createHostExchange(options: HostExchangeOptions): Exchange {
  return new HostExchange(options);
}

/**
 * Whether an update goes ahead is decided once for all members, by compare-and-swap on one word: 2u says that everybody
 * was ready for update u, 2u + 1 that the members stop before it. So either all compute u, or none.
 */
class HostExchange implements Exchange {
  readonly isSummed = false;
  readonly #memory: HostMemory;
  readonly #control: ControlWords;
  readonly #spin: number;
  readonly #segments: Readonly<Record<NetworkName, Segment>>;
  readonly #member: number;
  /** Of the others whose partials or segments somebody needs. */
  readonly #othersReady: readonly SequenceWord[];
  readonly #othersApplied: readonly SequenceWord[];
  readonly #ownersApplied: readonly SequenceWord[];
  readonly #wire: WireType;
  readonly #ownShards: readonly number[];
  #update = 0;
  #published: number | null = null;

  constructor({ memory, assignment, topology, wire, member, control, spin }: HostExchangeOptions) {
    const members = assignment.members.length;
    assert(member >= 0 && member < members, `member ${member} of ${members}`);
    assert(members <= memory.plan.members, `memory for ${memory.plan.members} members, not ${members}`);
    assert(
      assignment.shards === memory.plan.shards,
      `memory for ${memory.plan.shards} shards, not ${assignment.shards}`,
    );
    const { vectorFloats } = memory.plan;
    const segments = {
      discriminator: hostSegments(topology, vectorFloats.discriminator, assignment),
      generator: hostSegments(topology, vectorFloats.generator, assignment),
    };
    const owns = (index: number) =>
      Object.values(segments).some((ofNetwork) => ofNetwork[index]!.end > ofNetwork[index]!.start);
    const others = assignment.members.map((_, index) => index).filter((index) => index !== member);
    this.#memory = memory;
    this.#control = control;
    this.#member = member;
    this.#wire = wire ?? 'fp32';
    this.#ownShards = shardsOf(assignment.members[member]!);
    this.#spin = spin ?? spinMs(members);
    this.#segments = { discriminator: segments.discriminator[member]!, generator: segments.generator[member]! };
    this.#othersReady = others
      .filter((index) => assignment.members[index]!.end > assignment.members[index]!.start)
      .map((index) => memory.ready[index]!);
    this.#othersApplied = others.filter(owns).map((index) => memory.applied[index]!);
    this.#ownersApplied = assignment.members.flatMap((_, index) => (owns(index) ? [memory.applied[index]!] : []));
  }

  segment(network: NetworkName): Segment {
    return this.#segments[network];
  }

  reduceInputs(network: NetworkName): readonly Float32Array[] {
    return this.#memory.partials(network);
  }

  partial(network: NetworkName, shard: number): Float32Array {
    return this.#memory.partial(network, shard);
  }

  publish(update: number, networks: readonly NetworkName[]): void {
    for (const network of networks) {
      for (const shard of this.#ownShards) roundToWire(this.#memory.partial(network, shard), this.#wire);
    }
    this.#memory.ready[this.#member]!.publish(update | 0);
    this.#published = update;
  }

  gather(update: number, networks: readonly NetworkName[]): GatherResult {
    this.#update = update;
    this.#control.throwIfAborted(update, 'gradients');
    if (this.#isStopped()) return 'stopped';
    if (this.#published !== update) this.publish(update, networks);
    for (let index = 0; index < this.#othersReady.length; index++) {
      if (!this.#othersReady[index]!.waitAtLeast(update | 0, this.#spin, this.#isStopped)) return 'stopped';
    }
    return this.#decide(update << 1) ? 'done' : 'stopped';
  }

  commit(update: number): 'done' {
    this.#update = update;
    this.#memory.applied[this.#member]!.publish(update | 0);
    for (let index = 0; index < this.#othersApplied.length; index++) {
      this.#othersApplied[index]!.waitAtLeast(update | 0, this.#spin, this.#throwIfAborted);
    }
    return 'done';
  }

  appliedByAll(): number {
    return Math.min(...this.#ownersApplied.map(({ value }) => value));
  }

  async close(): Promise<void> {
    // The memory outlives an exchange: it belongs to the host, not to a generation.
  }

  readonly #throwIfAborted = (): boolean => {
    this.#control.throwIfAborted(this.#update, 'updates of other workers');
    return false;
  };

  /** Looks whether this member wants to stop, or another one already has. */
  readonly #isStopped = (): boolean => {
    this.#control.throwIfAborted(this.#update, 'gradients of other workers');
    const stop = (this.#update << 1) | 1;
    if (this.#control.stopsBefore(this.#update)) return !this.#decide(stop);
    return Atomics.load(this.#memory.decision, 0) === stop;
  };

  /** Proposes to go (2u) or stop (2u + 1); returns whether the first proposal, which holds for all, was to go. */
  #decide(proposal: number): boolean {
    const { decision } = this.#memory;
    const go = this.#update << 1;
    for (;;) {
      const decided = Atomics.load(decision, 0);
      if (((decided - go) | 0) >= 0) return decided !== (go | 1);
      if (Atomics.compareExchange(decision, 0, decided, proposal) === decided) return proposal === go;
    }
  }
}
