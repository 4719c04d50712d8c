import type { WireType } from '@gantry/common';
import { FRAME_PARTIAL, FRAME_WIRES, type FrameHeader } from '../core/frame.js';
import type { Segment } from '../core/segments.js';
import { reduceOrder, type ShardRange, shardsOf } from '../core/tree.js';
import type { VectorSum } from '../core/vector-sum.js';
import { isPacked, roundAndPack, roundToWire } from '../core/wire.js';
import type { Payload } from './data-link.js';

/** One piece of an own subtree: its gradients are rounded to the wire type, then summed, in place, into the first. */
export interface OwnPiece {
  readonly leaves: readonly Float32Array[];
  readonly additions: readonly { readonly out: Float32Array; readonly right: Float32Array }[];
  /** The sum: a piece of the first gradient. */
  readonly sum: Float32Array;
  /** The only gradient in two bytes a value, where it travels so. */
  readonly packed: Uint16Array | null;
}

export interface OwnPieceOptions {
  readonly node: ShardRange;
  readonly wire: WireType;
  readonly isSent: boolean;
  readonly partial: (shard: number) => Float32Array;
}

export function makeOwnPiece(options: OwnPieceOptions, { start, end }: Segment): OwnPiece {
  const { node, wire, isSent, partial } = options;
  const view = (shard: number): Float32Array => partial(shard).subarray(start, end);
  const ranges = shardsOf(node).map((shard) => ({ start: shard, end: shard + 1 }));
  const leaves = shardsOf(node).map(view);
  const additions = reduceOrder(ranges, node).map(({ left, right }) => ({ out: leaves[left]!, right: leaves[right]! }));
  const packed = isSent && isLeaf(node) && isPacked(wire) ? new Uint16Array(end - start) : null;
  return { leaves, additions, sum: leaves[0]!, packed };
}

/** What is sent of a piece, valid after {@link computeOwnPiece}. */
export function payloadOf({ packed, sum }: OwnPiece): Payload {
  return packed ?? sum;
}

export function computeOwnPiece({ leaves, additions, packed }: OwnPiece, wire: WireType, sum: VectorSum): void {
  if (isPacked(wire)) {
    if (packed !== null) roundAndPack(leaves[0]!, wire, packed);
    else for (let index = 0; index < leaves.length; index++) roundToWire(leaves[index]!, wire);
  }
  for (const { out, right } of additions) sum.add(out, out, right);
}

/** The wire type of a frame: only single gradients are of the run's own, all sums are fp32. */
export function frameWire(header: Pick<FrameHeader, 'kind' | 'nodeStart' | 'nodeEnd'>, wire: WireType) {
  const isGradient = header.kind === FRAME_PARTIAL && isLeaf({ start: header.nodeStart, end: header.nodeEnd });
  return isGradient ? FRAME_WIRES[wire] : FRAME_WIRES.fp32;
}

function isLeaf({ start, end }: ShardRange): boolean {
  return end - start === 1;
}
