import {
  createFrameHeader,
  decodeFrameHeader,
  FRAME_RECEIVED,
  type FrameHeader,
  patchFrameHeader,
} from '../core/frame.js';
import type { DataLink, FrameReceiver, OutgoingFrame } from '../shell/data-link.js';

/** A frame on its way. The payload is still the sender's own memory: what is overwritten too early arrives wrong. */
interface Sent {
  readonly header: Buffer;
  readonly payload: Buffer | null;
}

export type FakeSockets = Pick<DataLink, 'poll' | 'isIdle' | 'setReceiver' | 'send'>;

/**
 * Sockets between members of one process. Frames of one pair keep their order, as ZeroMQ's do; which pair comes next is
 * drawn from the seed.
 */
export class FakeNetwork {
  readonly #members: number;
  readonly #receivers: (FrameReceiver | null)[];
  readonly #queues: Sent[][];
  readonly #header = createFrameHeader();
  #state: number;
  /** Bytes of payloads, by sender. */
  readonly sentBytes: number[];
  /** Frames with a payload, by sender and receiver: `sender * members + receiver`. */
  readonly sentFrames: number[];

  constructor(members: number, seed: number) {
    this.#members = members;
    this.#receivers = Array.from({ length: members }, () => null);
    this.#queues = Array.from({ length: members * members }, () => []);
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
    this.sentBytes = Array.from({ length: members }, () => 0);
    this.sentFrames = Array.from({ length: members * members }, () => 0);
  }

  sockets(member: number): FakeSockets {
    const network = this;
    return {
      poll: null,
      isIdle: true,
      setReceiver: (receiver) => {
        this.#receivers[member] = receiver;
      },
      send(frame: OutgoingFrame, update: number, flags: number): void {
        patchFrameHeader(frame.fields, update, flags);
        // Header buffers are used again in the next update, so libzmq copies them.
        network.inject(member, frame.peer, { header: Buffer.from(frame.header), payload: frame.payload });
      },
    };
  }

  /** Puts bytes on the way, as if `from` had sent them. */
  inject(from: number, to: number, frame: Sent): void {
    this.#queues[from * this.#members + to]!.push(frame);
    if (frame.payload === null) return;
    this.sentBytes[from]! += frame.payload.byteLength;
    this.sentFrames[from * this.#members + to]!++;
  }

  /** Delivers one frame; false if none is on its way. */
  deliver(): boolean {
    const waiting = this.#queues.flatMap((queue, index) => (queue.length > 0 ? [index] : []));
    if (waiting.length === 0) return false;
    const pair = waiting[this.#draw() % waiting.length]!;
    const receiver = this.#receivers[pair % this.#members];
    const { header, payload } = this.#queues[pair]!.shift()!;
    if (receiver) this.#hand(receiver, header, payload);
    return true;
  }

  /** What a socket does with a frame; see zeromq-link.ts. */
  #hand(receiver: FrameReceiver, bytes: Buffer, payload: Buffer | null): void {
    const header = decodeFrameHeader(bytes, this.#header);
    if (header === null || !receiver.isOwn(header)) receiver.countStale();
    else if (header.kind === FRAME_RECEIVED) receiver.acceptEmpty(header);
    else this.#place(receiver, header, payload!);
  }

  #place(receiver: FrameReceiver, header: FrameHeader, payload: Buffer): void {
    const place = receiver.place(header);
    if (place === null) return;
    if (place.byteLength !== payload.byteLength) throw new Error('the payload has another size than its place');
    new Uint8Array(place.buffer, place.byteOffset, place.byteLength).set(payload);
    receiver.accept(header, place);
  }

  #draw(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }
}
