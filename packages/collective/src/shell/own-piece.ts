import type { WireType } from '@gantry/common';
import { FRAME_PARTIAL, FRAME_WIRES, type FrameHeader } from '../core/frame.js';
import type { Segment } from '../core/segments.js';
import { reduceOrder, type ShardRange, shardsOf } from '../core/tree.js';
import type { VectorSum } from '../core/vector-sum.js';
import { addPacked, isPacked, type PackedWire, type Payload, pack, roundToWire, unpack } from '../core/wire.js';
import type { ReductionPort } from './reduction.js';

/**
 * One piece of an own subtree. Several gradients are rounded to the wire type, then summed, in place, into the first; a single
 * one stays as it is beside its packed values.
 */
export interface OwnPiece {
  readonly leaves: readonly Float32Array[];
  readonly additions: readonly { readonly out: Float32Array; readonly right: Float32Array }[];
  /** The only gradient in two bytes a value, where it travels so. */
  readonly packed: Uint16Array | null;
  /** What is added or sent, valid after {@link computeOwnPiece}. */
  readonly sum: Payload;
}

export interface OwnPieceOptions {
  readonly node: ShardRange;
  readonly wire: WireType;
  readonly partial: (shard: number) => Float32Array;
  readonly port: Pick<ReductionPort, 'halves'>;
}

/** How vectors are added. */
export interface Arithmetic {
  readonly wire: WireType;
  readonly sum: VectorSum;
}

export function makeOwnPiece({ node, wire, partial, port }: OwnPieceOptions, { start, end }: Segment): OwnPiece {
  const view = (shard: number): Float32Array => partial(shard).subarray(start, end);
  const ranges = shardsOf(node).map((shard) => ({ start: shard, end: shard + 1 }));
  const leaves = shardsOf(node).map(view);
  const additions = reduceOrder(ranges, node).map(({ left, right }) => ({ out: leaves[left]!, right: leaves[right]! }));
  const packed = isLeaf(node) && isPacked(wire) ? port.halves(end - start) : null;
  return { leaves, additions, packed, sum: packed ?? leaves[0]! };
}

export function computeOwnPiece({ leaves, additions, packed }: OwnPiece, { wire, sum }: Arithmetic): void {
  if (packed !== null) pack(leaves[0]!, wire as PackedWire, packed);
  else for (const leaf of leaves) roundToWire(leaf, wire);
  for (const { out, right } of additions) sum.add(out, out, right);
}

/** `out = left + right`, of which single gradients may be packed. */
export function addValues(out: Float32Array, left: Payload, right: Payload, { wire, sum }: Arithmetic): void {
  if (left instanceof Float32Array && right instanceof Float32Array) sum.add(out, left, right);
  else addPacked(out, left, right, wire as PackedWire);
}

/** `out = values`, which may be a packed gradient. */
export function copyValues(out: Float32Array, values: Payload, wire: WireType): void {
  if (values instanceof Float32Array) out.set(values);
  else unpack(values, wire as PackedWire, out);
}

/** The wire type of a frame: only single gradients are of the run's own, all sums are fp32. */
export function frameWire(header: Pick<FrameHeader, 'kind' | 'nodeStart' | 'nodeEnd'>, wire: WireType) {
  const isGradient = header.kind === FRAME_PARTIAL && isLeaf({ start: header.nodeStart, end: header.nodeEnd });
  return isGradient ? FRAME_WIRES[wire] : FRAME_WIRES.fp32;
}

function isLeaf({ start, end }: ShardRange): boolean {
  return end - start === 1;
}
