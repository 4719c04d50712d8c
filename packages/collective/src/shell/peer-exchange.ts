import { assert, type GantryError, NETWORKS, type NetworkName, type WireType } from '@gantry/common';
import { CHUNK_FLOATS, CONTROL_POLL_MS, WAIT_SLICE_MS } from '../constants.js';
import type { GatherResult } from '../core/exchange.js';
import {
  createFrameHeader,
  encodeFrameHeader,
  FRAME_FLAG_STOP,
  FRAME_HEADER_BYTES,
  FRAME_RECEIVED,
  FRAME_WIRES,
  type FrameHeader,
  malformed,
} from '../core/frame.js';
import { KernelMemory } from '../core/kernel-memory.js';
import { createSchedule, type Schedule } from '../core/schedules.js';
import type { Segment } from '../core/segments.js';
import { sequenceDifference } from '../core/sequence.js';
import { isPacked, type Payload } from '../core/wire.js';
import { alignedFloats } from './aligned.js';
import type { FrameReceiver, OutgoingFrame } from './data-link.js';
import { HalvingReduction } from './halving-reduction.js';
import { frameWire } from './own-piece.js';
import { PayloadMemory, payloadBytes } from './payload-memory.js';
import type { PeerExchangeCounters, PeerExchangeHandle, PeerExchangeOptions } from './peer-exchange-options.js';
import { PeerReduction } from './peer-reduction.js';
import type { Reduction, ReductionOptions } from './reduction.js';

/** The exchange of members that share no memory: each holds the whole state and computes every update whole. */
export function createPeerExchange(options: PeerExchangeOptions): PeerExchangeHandle {
  return new PeerExchange(options);
}

interface Stashed {
  readonly header: FrameHeader;
  readonly payload: Payload;
}

/**
 * States: before an update (frames of the next one are stashed), published, gathering, gathered (waiting, in `commit`, for the peers
 * to say that they have all that this member sent, which is sent in place from buffers that the next update overwrites).
 *
 * A stop travels with the data: all frames of one member and update carry the same flag, and owners pass it on with the
 * sums, so that every member sees the same set of flags and all stop before the same update. With halving, a frame's sum has
 * the flags of all whose gradients are in it, and the finished one those of everybody.
 */
class PeerExchange implements PeerExchangeHandle, FrameReceiver {
  readonly isSummed = true;
  readonly schedules: Readonly<Record<NetworkName, Schedule['kind']>>;
  readonly #options: PeerExchangeOptions;
  readonly #wire: WireType;
  readonly #memory: PayloadMemory;
  readonly #reductions: Readonly<Record<NetworkName, Reduction>>;
  readonly #inputs: Readonly<Record<NetworkName, readonly Float32Array[]>>;
  readonly #acknowledgements: readonly (OutgoingFrame | null)[];
  /** By bytes a value, then by length. The same views come again, so that a sum over them is bound to its kernel only once. */
  readonly #freeChunks = { 2: new Map<number, Payload[]>(), 4: new Map<number, Payload[]>() };
  readonly #stash: Stashed[] = [];
  readonly #stashMax: number;
  /** By member: frames of this update still to come; and whether it still has to say that it has ours. */
  readonly #missingFrom: Int32Array;
  readonly #unacknowledged: Uint8Array;
  #networks: readonly NetworkName[] = [];
  #update: number | null = null;
  #flags = 0;
  #isContributing = false;
  #staleFrames = 0;
  #failure: GantryError | null = null;
  #wake: (() => void) | null = null;

  constructor(options: PeerExchangeOptions) {
    const { assignment, member, memory } = options;
    const own = assignment.members[member];
    assert(own !== undefined, `member ${member} of ${assignment.members.length}`);
    assert(
      own.end - own.start === memory.plan.shards,
      `memory for ${memory.plan.shards} shards, not [${own.start}, ${own.end})`,
    );
    this.#options = options;
    this.#wire = options.wire ?? 'fp32';
    this.#memory = new PayloadMemory(this.#kernelMemory());
    const schedules = { discriminator: this.#schedule('discriminator'), generator: this.#schedule('generator') };
    this.schedules = { discriminator: schedules.discriminator.kind, generator: schedules.generator.kind };
    this.#reductions = {
      discriminator: this.#makeReduction('discriminator', schedules.discriminator),
      generator: this.#makeReduction('generator', schedules.generator),
    };
    this.#inputs = {
      discriminator: [this.#reductions.discriminator.result],
      generator: [this.#reductions.generator.result],
    };
    const peers = assignment.members.map((_, index) => index);
    this.#acknowledgements = peers.map((peer) =>
      peer === member ? null : this.#makeFrame(peer, { kind: FRAME_RECEIVED }, null),
    );
    this.#missingFrom = new Int32Array(peers.length);
    this.#unacknowledged = new Uint8Array(peers.length);
    const expected = (peer: number) =>
      NETWORKS.reduce((sum, name) => sum + this.#reductions[name].expectedFrom(peer), 1);
    this.#stashMax = peers.reduce((sum, peer) => sum + expected(peer), 0);
    options.sockets.setReceiver(this);
  }

  get counters(): PeerExchangeCounters {
    return { staleFrames: this.#staleFrames };
  }

  segment(network: NetworkName): Segment {
    return { start: 0, end: this.#options.memory.plan.vectorFloats[network] };
  }

  reduceInputs(network: NetworkName): readonly Float32Array[] {
    return this.#inputs[network];
  }

  partial(network: NetworkName, shard: number): Float32Array {
    const { assignment, member, memory } = this.#options;
    return memory.partial(network, shard - assignment.members[member]!.start);
  }

  publish(update: number, networks: readonly NetworkName[]): void {
    this.#options.control.throwIfAborted(update, 'gradients');
    this.#begin(update, networks);
    for (const network of networks) this.#reductions[network].contribute();
    this.#isContributing = false;
  }

  gather(update: number, networks: readonly NetworkName[]): GatherResult | Promise<GatherResult> {
    if (this.#update !== update) this.publish(update, networks);
    const waiting = this.#until(this.#isGathered, 'gradients of other hosts');
    return waiting === undefined ? this.#gathered() : waiting.then(() => this.#gathered());
  }

  commit(update: number): 'done' | Promise<'done'> {
    assert(update === this.#update, `update ${update} is committed after ${this.#update} was gathered`);
    const waiting = this.#until(this.#isAcknowledged, 'other hosts to receive this one’s gradients');
    return waiting === undefined ? 'done' : waiting.then(() => 'done');
  }

  flush(): 'done' | Promise<'done'> {
    const waiting = this.#until(this.#hasLeft, 'its gradients to leave');
    return waiting === undefined ? 'done' : waiting.then(() => 'done');
  }

  appliedByAll(): null {
    return null;
  }

  async close(): Promise<void> {
    this.#options.sockets.setReceiver(null);
  }

  #begin(update: number, networks: readonly NetworkName[]): void {
    const { control, mayStop = true } = this.#options;
    const next = update | 0;
    assert(
      this.#update === null || sequenceDifference(next, this.#update | 0) === 1,
      `update ${update} follows ${this.#update}`,
    );
    this.#update = update;
    this.#networks = networks;
    this.#isContributing = true;
    this.#missingFrom.fill(0);
    this.#unacknowledged.fill(0);
    for (const network of networks) this.#expect(this.#reductions[network]);
    // A member that sends nothing could tell nobody; the others have been asked to stop as well.
    const stops = mayStop && control.stopsBefore(update) && this.#unacknowledged.includes(1);
    this.#flags = stops ? FRAME_FLAG_STOP : 0;
    this.#unstash();
  }

  #expect(reduction: Reduction): void {
    reduction.reset();
    for (let peer = 0; peer < this.#missingFrom.length; peer++) {
      this.#missingFrom[peer]! += reduction.expectedFrom(peer);
      if (reduction.sendsTo(peer)) this.#unacknowledged[peer] = 1;
    }
  }

  readonly #isGathered = (): boolean => {
    if (this.#isContributing) return false;
    for (const network of this.#networks) if (!this.#reductions[network].isDone) return false;
    return true;
  };

  /** Also what this member still owes, its own acknowledgements, has left: it may be busy, or gone, after a commit. */
  readonly #isAcknowledged = (): boolean => !this.#unacknowledged.includes(1) && this.#options.sockets.isIdle;

  readonly #hasLeft = (): boolean => this.#options.sockets.isIdle;

  isOwn(header: FrameHeader): boolean {
    return header.run === this.#options.run && header.generation === this.#options.generation;
  }

  countStale(): void {
    this.#staleFrames++;
  }

  place(header: FrameHeader): Payload | null {
    const ahead = this.#check(header);
    if (ahead === null) return null;
    if (header.wire !== frameWire(header, this.#wire)) {
      throw malformed(
        `its wire type is number ${header.wire}, which ${this.#wire} gradients and their sums do not have`,
      );
    }
    return ahead === 0 ? this.#reductionOf(header).place(header) : this.#takeStashed(header);
  }

  accept(header: FrameHeader, payload: Payload): void {
    if (sequenceDifference(header.update, (this.#update ?? header.update - 1) | 0) !== 0) {
      this.#stash.push({ header: { ...header }, payload });
    } else this.#take(header, payload);
  }

  #takeStashed(header: FrameHeader): Payload {
    const { length } = header;
    if (length < 1 || length > CHUNK_FLOATS) throw malformed(`${length} values are no chunk`);
    return this.#takeChunk(header);
  }

  #take(header: FrameHeader, payload: Payload): void {
    const { sender } = header;
    this.#flags |= header.flags;
    this.#reductionOf(header).accept(header, payload);
    this.#missingFrom[sender]!--;
    if (this.#missingFrom[sender] === 0) this.#send(this.#acknowledgements[sender]!);
    this.#wake?.();
  }

  acceptEmpty(header: FrameHeader): void {
    const ahead = this.#check(header);
    if (ahead === null) return;
    if (ahead > 0) throw malformed(`member ${header.sender} acknowledges what was not sent`);
    this.#unacknowledged[header.sender] = 0;
    this.#wake?.();
  }

  fail(error: GantryError): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /**
   * How many updates ahead of this one the own frame is, 0 or 1; null if it is stale. A peer may be one update ahead, not
   * more: for that it would have needed this member's gradients.
   */
  #check(header: FrameHeader): 0 | 1 | null {
    const { assignment, member } = this.#options;
    if (header.sender < 0 || header.sender >= assignment.members.length || header.sender === member) {
      throw malformed(`no member ${header.sender} sends to member ${member}`);
    }
    const ahead = this.#update === null ? 1 : sequenceDifference(header.update, this.#update | 0);
    if (ahead < 0) {
      this.countStale();
      return null;
    }
    if (ahead === 0) return 0;
    if (ahead > 1 || this.#stash.length >= this.#stashMax) {
      throw malformed(`member ${header.sender} is ${ahead} updates ahead of update ${this.#update}`);
    }
    return 1;
  }

  #reductionOf(header: FrameHeader): Reduction {
    const network = NETWORKS[header.network];
    if (network === undefined || !this.#networks.includes(network)) {
      throw malformed(`network ${header.network} has no update ${this.#update}`);
    }
    return this.#reductions[network];
  }

  #unstash(): void {
    for (const { header, payload } of this.#stash.splice(0)) {
      const ahead = this.#check(header);
      if (ahead === 0) this.#take(header, payload);
      else if (ahead === 1) throw malformed(`member ${header.sender} is ahead of update ${this.#update}`);
    }
  }

  /** A stop has no commit: what the others need in order to see it leaves here, for nobody sends it afterwards. */
  #gathered(): GatherResult | Promise<GatherResult> {
    if ((this.#flags & FRAME_FLAG_STOP) === 0) return 'done';
    const waiting = this.#until(this.#isAcknowledged, 'other hosts to hear of the stop');
    return waiting === undefined ? 'stopped' : waiting.then(() => 'stopped');
  }

  /** Chunks are used again: after a few updates none is made any more. */
  #takeChunk({ length, wire }: Pick<FrameHeader, 'length' | 'wire'>): Payload {
    if (wire === FRAME_WIRES.fp32) return this.#freeChunks[4].get(length)?.pop() ?? alignedFloats(length);
    return this.#freeChunks[2].get(length)?.pop() ?? this.#memory.halves(length);
  }

  #returnChunk(chunk: Payload): void {
    const freeChunks = chunk instanceof Float32Array ? this.#freeChunks[4] : this.#freeChunks[2];
    const free = freeChunks.get(chunk.length);
    if (free === undefined) freeChunks.set(chunk.length, [chunk]);
    else free.push(chunk);
  }

  #send(frame: OutgoingFrame): void {
    this.#options.sockets.send(frame, this.#update! | 0, this.#flags);
  }

  /** Waits for messages until `isDone`, looking at the control words all the while; synchronous where the sockets are. */
  #until(isDone: () => boolean, phase: string): undefined | Promise<void> {
    const { control, sockets } = this.#options;
    if (sockets.poll === null) return this.#untilWoken(isDone, phase);
    while (!isDone()) {
      if (this.#failure !== null) throw this.#failure;
      control.throwIfAborted(this.#update!, phase);
      sockets.poll(WAIT_SLICE_MS);
    }
    return undefined;
  }

  async #untilWoken(isDone: () => boolean, phase: string): Promise<void> {
    const { control } = this.#options;
    let timer: NodeJS.Timeout | null = null;
    try {
      await new Promise<void>((resolve) => {
        this.#wake = () => {
          if (this.#failure !== null || control.aborted || isDone()) resolve();
        };
        timer = setInterval(this.#wake, CONTROL_POLL_MS);
        this.#wake();
      });
    } finally {
      this.#wake = null;
      if (timer !== null) clearInterval(timer);
    }
    if (this.#failure !== null) throw this.#failure;
    if (!isDone()) control.throwIfAborted(this.#update!, phase);
  }

  #schedule(network: NetworkName): Schedule {
    const { assignment, topology, costs, memory } = this.#options;
    return createSchedule(topology, memory.plan.vectorFloats[network], assignment, costs);
  }

  /** Beside the gradients, if they lie in the kernel's memory. */
  #kernelMemory(): KernelMemory | null {
    const { assignment, member, memory } = this.#options;
    if (!isPacked(this.#wire)) return null;
    const beside =
      memory.plan.shards === 0
        ? null
        : KernelMemory.of(this.partial('discriminator', assignment.members[member]!.start));
    return beside ?? KernelMemory.make(payloadBytes(memory.plan, assignment.members.length, this.#wire));
  }

  #makeReduction(network: NetworkName, schedule: Schedule): Reduction {
    const { assignment, member, memory, sums, sum } = this.#options;
    const floats = memory.plan.vectorFloats[network];
    const reduction: ReductionOptions = {
      network: NETWORKS.indexOf(network),
      result: sums?.(network) ?? this.#memory.floats(floats),
      member,
      assignment,
      wire: this.#wire,
      partial: (shard) => this.partial(network, shard),
      sum,
      port: {
        halves: (length) => this.#memory.halves(length),
        takeChunk: (header) => this.#takeChunk(header),
        returnChunk: (chunk) => this.#returnChunk(chunk),
        makeFrame: (peer, fields, payload) => this.#makeFrame(peer, fields, payload),
        send: (frame) => this.#send(frame),
      },
    };
    return schedule.kind === 'halving'
      ? new HalvingReduction({ ...reduction, plan: schedule.plan })
      : new PeerReduction({ ...reduction, schedule });
  }

  #makeFrame(peer: number, fields: Partial<FrameHeader>, payload: Payload | null): OutgoingFrame {
    const { run, generation, member } = this.#options;
    const bytes = new ArrayBuffer(FRAME_HEADER_BYTES);
    const view = new DataView(bytes);
    encodeFrameHeader({ ...createFrameHeader(), run, generation, sender: member, ...fields }, view);
    const data = payload === null ? null : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    return { peer, header: Buffer.from(bytes), fields: view, payload: data };
  }
}
