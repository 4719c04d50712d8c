import type { WireType } from '@gantry/common';
import type { ShardAssignment } from '../core/assignment.js';
import type { FrameHeader } from '../core/frame.js';
import type { VectorSum } from '../core/vector-sum.js';
import type { Payload } from '../core/wire.js';
import type { OutgoingFrame } from './data-link.js';

/** What a reduction needs of its exchange. */
export interface ReductionPort {
  /** Gives memory for the packed values of an own piece, for as long as the exchange lives. */
  halves(length: number): Uint16Array;
  /** Gives memory for a frame's payload, to hold it until it is summed. */
  takeChunk(header: Pick<FrameHeader, 'length' | 'wire'>): Payload;
  returnChunk(chunk: Payload): void;
  makeFrame(peer: number, fields: Partial<FrameHeader>, payload: Payload): OutgoingFrame;
  send(frame: OutgoingFrame): void;
}

export interface ReductionOptions {
  /** Index of the network on the wire. */
  readonly network: number;
  /** Full length: where the finished sum goes. */
  readonly result: Float32Array;
  readonly member: number;
  readonly assignment: ShardAssignment;
  readonly wire: WireType;
  /** Gradient of an own shard, by its index in the run. */
  readonly partial: (shard: number) => Float32Array;
  readonly sum: VectorSum;
  readonly port: ReductionPort;
}

/** One network's all-reduce on one member. All frames are made once; what an update allocates is a few views. */
export interface Reduction {
  /** The finished sum, full length; valid after a gather until the next one of this network. */
  readonly result: Float32Array;
  readonly isDone: boolean;
  /** Frames of one update that come from `peer`. */
  expectedFrom(peer: number): number;
  /** Whether an update sends anything to `peer`. */
  sendsTo(peer: number): boolean;
  /** Begins an update. Nothing of it may have been accepted yet. */
  reset(): void;
  /** Rounds and sums own gradients and sends them off, chunk by chunk. */
  contribute(): void;
  /**
   * Where a frame's payload belongs: the result itself for a sum, memory of the exchange for a partial.
   *
   * @throws GantryError GANTRY_PROTOCOL_INVALID for a frame that does not fit the schedule.
   */
  place(header: FrameHeader): Payload;
  /** The payload is in `place(header)`, or, if it came before this update began, in a chunk of the exchange's. */
  accept(header: FrameHeader, payload: Payload): void;
}
