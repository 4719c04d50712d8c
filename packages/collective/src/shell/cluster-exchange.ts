import { assert, type NetworkName, type Topology, type WireType } from '@gantry/common';
import type { Exchange, GatherResult } from '../core/exchange.js';
import type { HostsPlan } from '../core/hosts.js';
import type { NetworkCosts } from '../core/schedules.js';
import { type Segment, splitSegments } from '../core/segments.js';
import type { ControlWords } from './control-words.js';
import type { HostMemory } from './host-memory.js';
import { createPeerExchange } from './peer-exchange.js';
import type { PeerExchangeCounters, PeerExchangeHandle, PeerExchangeOptions } from './peer-exchange-options.js';
import { type SequenceWord, spinMs } from './signal.js';

export interface ClusterExchangeOptions {
  /** Of the own host: room for its shards and for the sums. */
  readonly memory: HostMemory;
  readonly plan: HostsPlan;
  readonly topology: Topology | 'auto';
  /** For topology `auto`; equal for all members of a lane. */
  readonly costs?: NetworkCosts;
  /** What gradients are rounded to; equal for all members. @default 'fp32' */
  readonly wire?: WireType;
  readonly control: ControlWords;
  /** Of a member with a lane: its sockets, by host, and what belongs to them; null otherwise. */
  readonly lane: Pick<PeerExchangeOptions, 'sockets' | 'sum' | 'run' | 'generation'> | null;
  /** Milliseconds that a wait polls before it sleeps. @default by the members of the host and cores */
  readonly spin?: number;
}

/** The exchange of several hosts whose workers share memory: a host is one replica, and one member of the exchange between hosts. */
export function createClusterExchange(options: ClusterExchangeOptions): ClusterExchangeHandle {
  return new ClusterExchange(options);
}

export interface ClusterExchangeHandle extends Exchange {
  readonly counters: PeerExchangeCounters;
  /** How the own lane is exchanged; null without one. */
  readonly schedules: PeerExchangeHandle['schedules'] | null;
}

/**
 * An update: all workers of a host write their partials; those with a lane sum the host's subtrees there, exchange them
 * with the other hosts, and leave the finished sum of their lane in shared memory; every worker updates its segment.
 *
 * Whether an update goes ahead is decided in lane 0 between the hosts, and told within each by the decision word: 2u says
 * that it does, 2u + 1 that all stop before it. The other lanes are exchanged to the end, whatever is decided.
 *
 * Nobody goes on behind a commit before every lane of its host has been received by the others: lanes send from the
 * partials, which the next update overwrites.
 */
class ClusterExchange implements ClusterExchangeHandle {
  readonly isSummed = true;
  readonly #memory: HostMemory;
  readonly #plan: HostsPlan;
  readonly #control: ControlWords;
  readonly #spin: number;
  readonly #lane: PeerExchangeHandle | null;
  readonly #lanesSummed: readonly SequenceWord[];
  #update = 0;
  #published: number | null = null;

  constructor({ memory, plan, topology, costs, wire, control, lane, spin }: ClusterExchangeOptions) {
    const { start, end } = plan.hosts.members[plan.host]!;
    assert(end - start === memory.plan.shards, `memory for ${memory.plan.shards} shards, not [${start}, ${end})`);
    assert(plan.locals.length === memory.plan.members, `memory for ${memory.plan.members} members`);
    assert((lane === null) === (plan.peers === null), 'who has a lane has sockets');
    this.#memory = memory;
    this.#plan = plan;
    this.#control = control;
    this.#spin = spin ?? spinMs(plan.locals.length);
    this.#lanesSummed = memory.summed.slice(0, plan.lanes);
    const common = { assignment: plan.hosts, member: plan.host, topology, control, mayStop: plan.local === 0 };
    const wired = { ...(wire === undefined ? {} : { wire }), ...(costs === undefined ? {} : { costs }) };
    this.#lane = lane === null ? null : createPeerExchange({ ...lane, ...common, ...wired, ...laneOf(memory, plan) });
  }

  get counters(): PeerExchangeCounters {
    return this.#lane?.counters ?? { staleFrames: 0 };
  }

  get schedules(): PeerExchangeHandle['schedules'] | null {
    return this.#lane?.schedules ?? null;
  }

  segment(network: NetworkName): Segment {
    const { locals, local } = this.#plan;
    return splitSegments(this.#memory.plan.vectorFloats[network], locals.length)[local]!;
  }

  reduceInputs(network: NetworkName): readonly Float32Array[] {
    return [this.#memory.sum(network)];
  }

  partial(network: NetworkName, shard: number): Float32Array {
    return this.#memory.partial(network, shard - this.#plan.hosts.members[this.#plan.host]!.start);
  }

  publish(update: number): void {
    this.#memory.ready[this.#plan.local]!.publish(update | 0);
    this.#published = update;
  }

  gather(update: number, networks: readonly NetworkName[]): GatherResult | Promise<GatherResult> {
    this.#update = update;
    this.#control.throwIfAborted(update, 'gradients');
    if (this.#published !== update) this.publish(update);
    if (this.#lane === null) return this.#awaitSums();
    this.#waitFor(this.#memory.ready, this.#gradientsCheck);
    const gathered = this.#lane.gather(update, networks);
    return typeof gathered === 'string' ? this.#endLane(gathered) : gathered.then((result) => this.#endLane(result));
  }

  commit(update: number): 'done' | Promise<'done'> {
    this.#update = update;
    const received = this.#lane?.commit(update) ?? 'done';
    return typeof received === 'string' ? this.#apply() : received.then(() => this.#apply());
  }

  appliedByAll(): number {
    return Math.min(...this.#memory.applied.map(({ value }) => value));
  }

  async close(): Promise<void> {
    await this.#lane?.close();
  }

  /** The own lane's sum is in place. */
  #endLane(result: GatherResult): GatherResult | Promise<GatherResult> {
    const { local } = this.#plan;
    const word = (this.#update << 1) | Number(result === 'stopped');
    if (local === 0) Atomics.store(this.#memory.decision, 0, word);
    this.#memory.summed[local]!.publish(this.#update | 0);
    // What is still queued is sent by nobody while this member waits for others of its host: they may wait for its receivers.
    const left = this.#lane!.flush();
    return typeof left === 'string' ? this.#afterLane() : left.then(() => this.#afterLane());
  }

  #afterLane(): GatherResult | Promise<GatherResult> {
    const decided = this.#awaitSums();
    if (decided === 'done' || this.#plan.local === 0) return decided;
    // A stop has no commit: what was sent here has to arrive all the same, for others wait for it.
    const received = this.#lane!.commit(this.#update);
    return typeof received === 'string' ? decided : received.then(() => decided);
  }

  /** Lane 0 decides before it says that its sum is there. */
  #awaitSums(): GatherResult {
    this.#waitFor(this.#lanesSummed, this.#sumsCheck);
    return Atomics.load(this.#memory.decision, 0) === this.#update << 1 ? 'done' : 'stopped';
  }

  #apply(): 'done' {
    this.#memory.applied[this.#plan.local]!.publish(this.#update | 0);
    this.#waitFor(this.#memory.applied, this.#updatesCheck);
    return 'done';
  }

  #waitFor(words: readonly SequenceWord[], check: () => boolean): void {
    for (let index = 0; index < words.length; index++) words[index]!.waitAtLeast(this.#update | 0, this.#spin, check);
  }

  readonly #gradientsCheck = (): boolean => this.#throwIfAborted('gradients of this host');
  readonly #sumsCheck = (): boolean => this.#throwIfAborted('sums of this host');
  readonly #updatesCheck = (): boolean => this.#throwIfAborted('updates of other workers');

  #throwIfAborted(phase: string): false {
    this.#control.throwIfAborted(this.#update, phase);
    return false;
  }
}

/** The slices of the host's memory that a member's lane consists of. */
function laneOf(memory: HostMemory, { lanes, local }: HostsPlan): Pick<PeerExchangeOptions, 'memory' | 'sums'> {
  const { shards, vectorFloats } = memory.plan;
  const slice = (network: NetworkName): Segment => splitSegments(vectorFloats[network], lanes)[local]!;
  const cut = (vector: Float32Array, network: NetworkName): Float32Array => {
    const { start, end } = slice(network);
    return vector.subarray(start, end);
  };
  const length = (network: NetworkName): number => slice(network).end - slice(network).start;
  return {
    memory: {
      plan: { shards, vectorFloats: { discriminator: length('discriminator'), generator: length('generator') } },
      partial: (network, shard) => cut(memory.partial(network, shard), network),
    },
    sums: (network) => cut(memory.sum(network), network),
  };
}
