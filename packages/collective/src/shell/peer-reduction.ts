import { assert } from '@gantry/common';
import { CHUNK_FLOATS } from '../constants.js';
import { chunkCount, chunkIndexOf, chunkOf } from '../core/chunks.js';
import { FRAME_PARTIAL, FRAME_SUM, FRAME_WIRES, type FrameHeader, malformed } from '../core/frame.js';
import { type Operand, planReduction, type ReductionPlan } from '../core/reduction-plan.js';
import type { DirectSchedule } from '../core/schedules.js';
import type { Segment } from '../core/segments.js';
import type { Payload } from '../core/wire.js';
import { alignedFloats } from './aligned.js';
import type { OutgoingFrame } from './data-link.js';
import { addValues, computeOwnPiece, copyValues, frameWire, makeOwnPiece, type OwnPiece } from './own-piece.js';
import type { Reduction, ReductionOptions } from './reduction.js';

export interface PeerReductionOptions extends ReductionOptions {
  readonly schedule: DirectSchedule;
}

/** One part of own work at the start of a gather: sums of own subtrees, then what can be sent or finished with them. */
interface Step {
  readonly pieces: readonly OwnPiece[];
  readonly frames: readonly OutgoingFrame[];
  /** Chunk of the own segment for which own slots are now ready, or -1. */
  readonly ownChunk: number;
}

/** One chunk of the own segment: an operand for every slot, some of which arrive. */
interface Chunk {
  readonly result: Float32Array;
  readonly slots: (Payload | null)[];
  readonly registers: readonly Float32Array[];
  readonly sums: readonly OutgoingFrame[];
  missing: number;
}

/**
 * An all-reduce in which everybody sends to every owner of a segment: topologies `direct` and `star`. Invariant between
 * updates: every chunk's `missing` counts all of its slots, and no arrived payload is kept.
 */
export class PeerReduction implements Reduction {
  readonly #options: PeerReductionOptions;
  readonly #plan: ReductionPlan;
  readonly #chunks: readonly Chunk[];
  readonly #steps: readonly Step[];
  /** One sum comes and is added to an own one: it arrives in the result, where the sum of both will be. */
  readonly #addsInPlace: boolean;
  /** By shard: the slot of the subtree that begins with it, or -1. */
  readonly #slotOfShard: Int32Array;
  /** By member: which chunks of its sum are here. */
  readonly #returned: readonly Uint8Array[];
  /** Chunks of the result, own and returned, that are not there yet. */
  #pending = 0;

  constructor(options: PeerReductionOptions) {
    const { schedule, assignment, member } = options;
    this.#options = options;
    this.#plan = planReduction(schedule, assignment);
    this.#addsInPlace = this.#plan.slots.length === 2 && this.#plan.slots.some((slot) => slot.member === member);
    this.#slotOfShard = new Int32Array(assignment.shards).fill(-1);
    this.#plan.slots.forEach(({ node }, index) => {
      this.#slotOfShard[node.start] = index;
    });
    const scratch = Array.from({ length: this.#plan.registers }, () => alignedFloats(CHUNK_FLOATS));
    const own = schedule.owned[member]!;
    this.#chunks = Array.from({ length: chunkCount(own) }, (_, index) => this.#makeChunk(chunkOf(own, index), scratch));
    this.#returned = schedule.owned.map((segment) => new Uint8Array(chunkCount(segment)));
    this.#steps = this.#makeSteps();
  }

  get result(): Float32Array {
    return this.#options.result;
  }

  get isDone(): boolean {
    return this.#pending === 0;
  }

  expectedFrom(peer: number): number {
    const { schedule, member } = this.#options;
    if (peer === member) return 0;
    const partials = schedule.subtrees[peer]!.length * this.#chunks.length;
    return partials + (schedule.returnsSums ? chunkCount(schedule.owned[peer]!) : 0);
  }

  sendsTo(peer: number): boolean {
    const { schedule, member } = this.#options;
    if (peer === member) return false;
    if (schedule.subtrees[member]!.length > 0 && chunkCount(schedule.owned[peer]!) > 0) return true;
    return schedule.returnsSums && this.#chunks.length > 0;
  }

  reset(): void {
    const { schedule, member } = this.#options;
    this.#pending = this.#chunks.length;
    for (const chunk of this.#chunks) chunk.missing = this.#plan.slots.length;
    if (!schedule.returnsSums) return;
    this.#returned.forEach((chunks, owner) => {
      if (owner === member) return;
      chunks.fill(0);
      this.#pending += chunks.length;
    });
  }

  contribute(): void {
    const { port } = this.#options;
    for (const { pieces, frames, ownChunk } of this.#steps) {
      for (const piece of pieces) computeOwnPiece(piece, this.#options);
      for (const frame of frames) port.send(frame);
      if (ownChunk >= 0) this.#arriveOwn(ownChunk, pieces);
    }
  }

  place(header: FrameHeader): Payload {
    if (header.kind !== FRAME_PARTIAL) return this.#returnedChunk(header).place;
    const { chunk } = this.#findSlot(header);
    if (this.#addsInPlace && header.wire === FRAME_WIRES.fp32) return chunk.result;
    return this.#options.port.takeChunk(header);
  }

  accept(header: FrameHeader, payload: Payload): void {
    if (header.kind === FRAME_PARTIAL) {
      const { chunk, slot } = this.#findSlot(header);
      if (payload.length !== chunk.result.length) throw malformed(`${payload.length} values are no chunk`);
      chunk.slots[slot] = payload;
      chunk.missing--;
      if (chunk.missing === 0) this.#finish(chunk);
    } else {
      const { place, returned, index } = this.#returnedChunk(header);
      if (payload.buffer !== place.buffer || payload.byteOffset !== place.byteOffset) {
        place.set(payload);
        this.#options.port.returnChunk(payload);
      }
      returned[index] = 1;
      this.#pending--;
    }
  }

  #findSlot(header: FrameHeader): { chunk: Chunk; slot: number } {
    const { schedule, member } = this.#options;
    const slot = this.#slotOfShard[header.nodeStart] ?? -1;
    const expected = this.#plan.slots[slot];
    if (expected?.member !== header.sender || expected.node.end !== header.nodeEnd) {
      throw malformed(`member ${header.sender} does not own the subtree [${header.nodeStart}, ${header.nodeEnd})`);
    }
    const chunk = this.#chunks[chunkIndexOf(schedule.owned[member]!, header.offset, header.length)];
    if (chunk === undefined)
      throw malformed(`${header.length} floats from ${header.offset} are no chunk of member ${member}'s segment`);
    if (chunk.missing === 0 || chunk.slots[slot] !== null)
      throw malformed(`the chunk from ${header.offset} came twice from member ${header.sender}`);
    return { chunk, slot };
  }

  #returnedChunk(header: FrameHeader): { place: Float32Array; returned: Uint8Array; index: number } {
    const { schedule, member } = this.#options;
    const segment = schedule.owned[header.sender]!;
    const index =
      schedule.returnsSums && header.sender !== member ? chunkIndexOf(segment, header.offset, header.length) : -1;
    if (index < 0)
      throw malformed(
        `${header.length} floats from ${header.offset} are no chunk of member ${header.sender}'s segment`,
      );
    const returned = this.#returned[header.sender]!;
    if (returned[index] !== 0) throw malformed(`the sum from ${header.offset} came twice from member ${header.sender}`);
    return { place: this.#options.result.subarray(header.offset, header.offset + header.length), returned, index };
  }

  #arriveOwn(index: number, pieces: readonly OwnPiece[]): void {
    const { schedule, member } = this.#options;
    const chunk = this.#chunks[index]!;
    const before = chunk.missing;
    schedule.subtrees[member]!.forEach(({ start }, piece) => {
      chunk.slots[this.#slotOfShard[start]!] = pieces[piece]!.sum;
      chunk.missing--;
    });
    // A member without shards adds nothing here: its chunks finish as the last frame arrives, maybe before this call.
    if (chunk.missing === 0 && before > 0) this.#finish(chunk);
  }

  #finish(chunk: Chunk): void {
    const { member, port, wire } = this.#options;
    const { additions, slots } = this.#plan;
    if (additions.length === 0) copyValues(chunk.result, chunk.slots[0]!, wire);
    for (const { out, left, right } of additions) {
      addValues(place(chunk, out), operand(chunk, left), operand(chunk, right), this.#options);
    }
    for (let slot = 0; slot < chunk.slots.length; slot++) {
      const payload = chunk.slots[slot]!;
      if (slots[slot]!.member !== member && payload !== chunk.result) port.returnChunk(payload);
      chunk.slots[slot] = null;
    }
    this.#pending--;
    for (const frame of chunk.sums) port.send(frame);
  }

  #makeChunk({ start, end }: Segment, scratch: readonly Float32Array[]): Chunk {
    const { schedule, member, network, port, assignment } = this.#options;
    const result = this.#options.result.subarray(start, end);
    const peers = schedule.returnsSums
      ? assignment.members.map((_, index) => index).filter((index) => index !== member)
      : [];
    const fields = { network, kind: FRAME_SUM, offset: start, length: end - start } as const;
    return {
      result,
      slots: this.#plan.slots.map(() => null),
      registers: scratch.map((register) => register.subarray(0, end - start)),
      sums: peers.map((peer) => port.makeFrame(peer, fields, result)),
      missing: this.#plan.slots.length,
    };
  }

  /** Owners in turn, beginning after this member, chunk by chunk: no owner waits for another one's whole segment. */
  #makeSteps(): Step[] {
    const { schedule, member } = this.#options;
    const members = schedule.owned.length;
    if (!schedule.returnsSums) {
      const peers = schedule.owned.map((_, index) => index).filter((index) => index !== member);
      return this.#chunks.map((_, index) => this.#makeStep(chunkOf(schedule.owned[member]!, index), peers, index));
    }
    const steps: Step[] = [];
    const rounds = Math.max(...schedule.owned.map(chunkCount));
    for (let index = 0; index < rounds; index++) {
      for (let turn = 1; turn <= members; turn++) {
        const owner = (member + turn) % members;
        const segment = schedule.owned[owner]!;
        if (index >= chunkCount(segment)) continue;
        const isOwn = owner === member;
        steps.push(this.#makeStep(chunkOf(segment, index), isOwn ? [] : [owner], isOwn ? index : -1));
      }
    }
    return steps;
  }

  #makeStep(chunk: Segment, peers: readonly number[], ownChunk: number): Step {
    const { schedule, member, network, wire, port, partial } = this.#options;
    const nodes = schedule.subtrees[member]!;
    const pieces = nodes.map((node) => makeOwnPiece({ node, wire, partial, port }, chunk));
    const frames = nodes.flatMap((node, index) => {
      const range = { nodeStart: node.start, nodeEnd: node.end, offset: chunk.start, length: chunk.end - chunk.start };
      const fields = { network, kind: FRAME_PARTIAL, ...range } as const;
      const whole = { ...fields, wire: frameWire(fields, wire) };
      return peers.map((peer) => port.makeFrame(peer, whole, pieces[index]!.sum));
    });
    return { pieces, frames, ownChunk };
  }
}

function operand(chunk: Chunk, where: Operand): Payload {
  return where.kind === 'slot' ? chunk.slots[where.index]! : place(chunk, where);
}

/** Sums are put where no slot is. */
function place(chunk: Chunk, where: Operand): Float32Array {
  assert(where.kind !== 'slot', 'a slot is only read');
  return where.kind === 'result' ? chunk.result : chunk.registers[where.index]!;
}
