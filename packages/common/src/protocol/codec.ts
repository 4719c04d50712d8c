import protobuf from 'protobufjs/minimal.js';
import { GantryError } from '../errors.js';
import { BODY_ITEMS_MAX, DECODE_DEPTH_MAX, ENVELOPE_BYTES_MAX, FIELDS_BYTES_MAX } from './constants.js';
import { generation, nameOrEmpty, uint32 } from './fields.js';
import { gantry } from './generated/gantry.js';
import type { Assignment, Envelope, Heartbeat, Message, MessageKind } from './messages.js';
import { PHASES, PLACES } from './messages.js';
import { RULES } from './rules.js';

const envelopeType = gantry.v1.Envelope!;
protobuf.Reader.recursionLimit = DECODE_DEPTH_MAX;

/** Field numbers of Envelope's oneof in control.proto; a test compares the two. */
export const BODY_FIELDS: Readonly<Record<MessageKind, number>> = {
  hello: 10,
  welcome: 11,
  refused: 12,
  assignment: 13,
  ready: 14,
  start: 15,
  heartbeat: 16,
  metrics: 17,
  stateChunk: 18,
  stateReceived: 19,
  samples: 20,
  stopRequest: 21,
  stopped: 22,
  stop: 23,
  done: 24,
  failure: 25,
  abort: 26,
  leave: 27,
  bye: 28,
  joined: 29,
  pause: 30,
  paused: 31,
  stateRequest: 32,
  rejoin: 33,
  stateHash: 34,
  datasetQuery: 35,
  datasetAnswer: 36,
  dataRequest: 37,
  dataChunk: 38,
  notice: 39,
  unreached: 40,
};
const KINDS = new Map(Object.entries(BODY_FIELDS).map(([kind, number]) => [number, kind as MessageKind]));
const FIRST_BODY_FIELD = 10;
const WIRE_BYTES = 2;

/**
 * One message as bytes for a socket. Checks what it is given by the rules that the receiver applies.
 * @throws GantryError GANTRY_PROTOCOL_INVALID naming the field.
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { kind } = envelope.body;
  const checked = RULES[kind].check(envelope.body, kind);
  return envelopeType
    .encode({
      runId: nameOrEmpty(envelope.runId, 'runId'),
      generation: generation(envelope.generation, 'generation'),
      update: uint32(envelope.update, 'update'),
      [kind]: numbered(kind, checked),
    })
    .finish();
}

/** Enums travel as numbers, …_UNSPECIFIED being 0. */
function numbered(kind: MessageKind, body: object): object {
  if (kind === 'heartbeat') return { ...body, phase: PHASES.indexOf((body as Heartbeat).phase) + 1 };
  if (kind !== 'assignment') return body;
  const members = (body as Assignment).members.map((one) => ({ ...one, place: PLACES.indexOf(one.place) + 1 }));
  return { ...body, members };
}

/**
 * Decodes and checks one message. The bound on its size is its kind's, looked up before anything is decoded, because small
 * frames of empty submessages can grow a hundredfold on the heap. Bytes in the result are views of `frame`.
 * @throws GantryError GANTRY_PROTOCOL_INVALID: too large, truncated, of an unknown kind, or a field out of its bounds.
 */
export function decodeEnvelope(frame: Uint8Array): Envelope {
  if (frame.length > ENVELOPE_BYTES_MAX) {
    invalidFrame(`has ${frame.length} bytes, at most ${ENVELOPE_BYTES_MAX} are allowed`);
  }
  const kind = wire(() => bodyKind(frame));
  const decoded = wire(() => envelopeType.decode(frame)) as Readonly<Record<string, unknown>>;
  // The table's type ties each kind to its own fields, which TypeScript cannot follow through a lookup by a union.
  const body = { kind, ...RULES[kind].check(decoded[kind], kind) } as Message;
  return {
    runId: nameOrEmpty(decoded.runId, 'runId'),
    generation: generation(decoded.generation, 'generation'),
    update: uint32(decoded.update, 'update'),
    body,
  };
}

/** Walks the top-level fields without decoding them: exactly one body, of a known kind, within its kind's bytes. */
function bodyKind(frame: Uint8Array): MessageKind {
  const reader = protobuf.Reader.create(frame);
  let found: MessageKind | undefined;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const start = reader.pos;
    reader.skipType(tag & 7);
    const length = reader.pos - start;
    const number = tag >>> 3;
    if (number < FIRST_BODY_FIELD) continue;
    const kind = KINDS.get(number) ?? invalidFrame(`carries field ${number}, which is no known kind`);
    if (found !== undefined) invalidFrame(`carries two bodies, ${found} and ${kind}`);
    if (length > RULES[kind].bytesMax + FIELDS_BYTES_MAX) invalidFrame(`carries a ${kind} of ${length} bytes`);
    if ((tag & 7) === WIRE_BYTES) checkItems(frame.subarray(start, reader.pos), kind);
    found = kind;
  }
  return found ?? invalidFrame('carries no body');
}

/** Counts a body's fields without decoding them: two bytes of empty submessage become an object of a hundred. */
function checkItems(lengthAndBody: Uint8Array, kind: MessageKind): void {
  const reader = protobuf.Reader.create(lengthAndBody);
  reader.uint32();
  for (let items = 1; reader.pos < reader.len; items++) {
    if (items > BODY_ITEMS_MAX) invalidFrame(`carries a ${kind} of more than ${BODY_ITEMS_MAX} fields`);
    reader.skipType(reader.uint32() & 7);
  }
}

/** What protobufjs throws on malformed bytes, as Gantry's own error. */
function wire<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof GantryError) throw cause;
    throw new GantryError('GANTRY_PROTOCOL_INVALID', `a frame is not a valid message: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function invalidFrame(problem: string): never {
  throw new GantryError('GANTRY_PROTOCOL_INVALID', `a frame ${problem}`);
}
