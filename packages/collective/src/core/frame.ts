import { GantryError, type WireType } from '@gantry/common';

/** What a data frame carries; numbers as in `proto/gantry/v1/data.proto`. */
export const FRAME_PARTIAL = 1;
export const FRAME_SUM = 2;
export const FRAME_RECEIVED = 3;
export type FrameKind = typeof FRAME_PARTIAL | typeof FRAME_SUM | typeof FRAME_RECEIVED;

/** What a payload's values are; numbers as in `proto/gantry/v1/data.proto`. */
export const FRAME_WIRES: Readonly<Record<WireType, FrameWire>> = { fp32: 0, bf16: 1, fp16: 2 };
export type FrameWire = 0 | 1 | 2;

/** Bit of `flags`: the sender asks everybody to stop before this update. */
export const FRAME_FLAG_STOP = 1;

/** First part of every data message; see `proto/gantry/v1/data.proto` for the fields. Mutable: one is used again and again. */
export interface FrameHeader {
  run: bigint;
  generation: number;
  /** Low 32 bits, as a signed number; compare with `sequenceDifference`. */
  update: number;
  network: number;
  kind: FrameKind;
  sender: number;
  nodeStart: number;
  nodeEnd: number;
  /** Floats. */
  offset: number;
  /** Values. */
  length: number;
  flags: number;
  wire: FrameWire;
}

/** Fields after `run`, in wire order: field number 2 and up, each `fixed32`. */
const FIELDS = [
  'generation',
  'update',
  'network',
  'kind',
  'sender',
  'nodeStart',
  'nodeEnd',
  'offset',
  'length',
  'flags',
  'wire',
] as const;
const RUN_BYTES = 9;
const FIELD_BYTES = 5;
const WIRE_FIXED64 = 1;
const WIRE_FIXED32 = 5;
/** Below zeromq.js's limit of 128 bytes for copying, so that a header's buffer may be used again at once. */
export const FRAME_HEADER_BYTES = RUN_BYTES + FIELDS.length * FIELD_BYTES;

const UPDATE_AT = RUN_BYTES + FIELDS.indexOf('update') * FIELD_BYTES + 1;
const FLAGS_AT = RUN_BYTES + FIELDS.indexOf('flags') * FIELD_BYTES + 1;

/** Changes what differs between the updates in an encoded header: frames are made once and sent again and again. */
export function patchFrameHeader(bytes: DataView, update: number, flags: number): void {
  bytes.setInt32(UPDATE_AT, update, true);
  bytes.setInt32(FLAGS_AT, flags, true);
}

export function createFrameHeader(): FrameHeader {
  return {
    run: 0n,
    generation: 0,
    update: 0,
    network: 0,
    kind: FRAME_PARTIAL,
    sender: 0,
    nodeStart: 0,
    nodeEnd: 0,
    offset: 0,
    length: 0,
    flags: 0,
    wire: FRAME_WIRES.fp32,
  };
}

/** Writes a header as protobuf into `bytes`, which holds {@link FRAME_HEADER_BYTES}. */
export function encodeFrameHeader(header: FrameHeader, bytes: DataView): void {
  bytes.setUint8(0, (1 << 3) | WIRE_FIXED64);
  bytes.setBigUint64(1, header.run, true);
  for (let index = 0; index < FIELDS.length; index++) {
    const at = RUN_BYTES + index * FIELD_BYTES;
    bytes.setUint8(at, ((index + 2) << 3) | WIRE_FIXED32);
    bytes.setInt32(at + 1, header[FIELDS[index]!], true);
  }
}

/**
 * Reads a header into `into`. Only its form is checked here; what its numbers mean is for the receiver to check.
 *
 * @returns null for any other length, field order, kind or wire type: bytes of a stranger, since members know each other's version
 */
export function decodeFrameHeader(bytes: Uint8Array, into: FrameHeader): FrameHeader | null {
  if (bytes.byteLength !== FRAME_HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== ((1 << 3) | WIRE_FIXED64)) return null;
  into.run = view.getBigUint64(1, true);
  for (let index = 0; index < FIELDS.length; index++) {
    const at = RUN_BYTES + index * FIELD_BYTES;
    if (view.getUint8(at) !== (((index + 2) << 3) | WIRE_FIXED32)) return null;
    const value = view.getInt32(at + 1, true);
    const field = FIELDS[index]!;
    if (field === 'kind') {
      if (!isKind(value)) return null;
      into.kind = value;
    } else if (field === 'wire') {
      if (!isWire(value)) return null;
      into.wire = value;
    } else into[field] = value;
  }
  return into;
}

function isKind(value: number): value is FrameKind {
  return value === FRAME_PARTIAL || value === FRAME_SUM || value === FRAME_RECEIVED;
}

function isWire(value: number): value is FrameWire {
  return value === FRAME_WIRES.fp32 || value === FRAME_WIRES.bf16 || value === FRAME_WIRES.fp16;
}

/** The error of a frame of this run that no Gantry of this version sends. */
export function malformed(what: string): GantryError {
  return new GantryError(
    'GANTRY_PROTOCOL_INVALID',
    `a data frame is malformed: ${what}; do all members run one version?`,
  );
}
