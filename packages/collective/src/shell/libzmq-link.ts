import { assert, GantryError } from '@gantry/common';
import type { KeyPair } from '@gantry/common/keys';
import {
  DATA_DRAIN_MS,
  DATA_HANDSHAKE_MS,
  DATA_HIGH_WATER_MARK,
  DATA_MESSAGE_BYTES_MAX,
  DATA_SEND_BUFFER_BYTES,
} from '../constants.js';
import {
  createFrameHeader,
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  FRAME_RECEIVED,
  malformed,
  patchFrameHeader,
} from '../core/frame.js';
import type { BoundDataSocket, DataLink, FrameReceiver, OutgoingFrame } from './data-link.js';
import {
  type Libzmq,
  ZMQ_CURVE_PUBLICKEY,
  ZMQ_CURVE_SECRETKEY,
  ZMQ_CURVE_SERVER,
  ZMQ_CURVE_SERVERKEY,
  ZMQ_DONTWAIT,
  ZMQ_HANDSHAKE_IVL,
  ZMQ_IMMEDIATE,
  ZMQ_IPV6,
  ZMQ_LAST_ENDPOINT,
  ZMQ_LINGER,
  ZMQ_MAXMSGSIZE,
  ZMQ_POLLIN,
  ZMQ_POLLOUT,
  ZMQ_PULL,
  ZMQ_PUSH,
  ZMQ_RCVHWM,
  ZMQ_RCVMORE,
  ZMQ_RECONNECT_IVL,
  ZMQ_SNDBUF,
  ZMQ_SNDHWM,
  ZMQ_SNDMORE,
} from './libzmq.js';

/** struct zmq_pollitem_t on 64-bit systems: socket, fd, events, revents. */
const POLL_ITEM_BYTES = 16;
const POLL_EVENTS_AT = 12;
const EAGAIN = 11;
const EINTR = 4;
const ENDPOINT_BYTES_MAX = 256;
const RECONNECT_MS = 20;

/** Data sockets on libzmq's C interface: synchronous, payloads received where they belong. */
export class LibzmqSocket implements BoundDataSocket {
  readonly endpoint: string;
  readonly #zmq: Libzmq;
  readonly #context: bigint;
  readonly #pull: bigint;
  /** Null: nothing is encrypted. */
  readonly #keys: KeyPair | null;
  /** Every socket of this context has to be closed, also one that could not connect: the context waits for them. */
  readonly #pushes: bigint[] = [];
  #isClosed = false;

  constructor(zmq: Libzmq, address: string, keys: KeyPair | null) {
    this.#zmq = zmq;
    this.#keys = keys;
    this.#context = zmq.ctxNew();
    this.#pull = zmq.socket(this.#context, ZMQ_PULL);
    setLong(zmq, this.#pull, ZMQ_MAXMSGSIZE, DATA_MESSAGE_BYTES_MAX);
    setInt(zmq, this.#pull, ZMQ_RCVHWM, DATA_HIGH_WATER_MARK);
    setInt(zmq, this.#pull, ZMQ_HANDSHAKE_IVL, DATA_HANDSHAKE_MS);
    setInt(zmq, this.#pull, ZMQ_LINGER, 0);
    setInt(zmq, this.#pull, ZMQ_IPV6, Number(address.includes('[')));
    if (keys !== null) {
      setInt(zmq, this.#pull, ZMQ_CURVE_SERVER, 1);
      setText(zmq, this.#pull, ZMQ_CURVE_SECRETKEY, keys.secretKey);
    }
    if (zmq.bind(this.#pull, address) !== 0) {
      const error = failed(zmq, `bind ${address}`);
      this.close(false);
      throw error;
    }
    const text = new Uint8Array(ENDPOINT_BYTES_MAX);
    zmq.getOption(this.#pull, ZMQ_LAST_ENDPOINT, text, BigUint64Array.of(BigInt(ENDPOINT_BYTES_MAX)));
    this.endpoint = Buffer.from(text.subarray(0, text.indexOf(0))).toString();
  }

  connect(endpoints: readonly (string | null)[], keys: readonly string[]): DataLink {
    const pushes = endpoints.map((endpoint, member) =>
      endpoint === null ? null : this.#connectTo(endpoint, keys[member] ?? ''),
    );
    return new LibzmqLink(this.#zmq, this.#pull, pushes, (drain) => this.close(drain));
  }

  close(drain: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const push of this.#pushes) {
      if (!drain) setInt(this.#zmq, push, ZMQ_LINGER, 0);
      this.#zmq.close(push);
    }
    this.#zmq.close(this.#pull);
    // Waits for the sockets' linger at most; then no thread reads from anybody's buffers any more.
    this.#zmq.ctxTerm(this.#context);
  }

  #connectTo(endpoint: string, key: string): bigint {
    const zmq = this.#zmq;
    const push = zmq.socket(this.#context, ZMQ_PUSH);
    this.#pushes.push(push);
    setLong(zmq, push, ZMQ_MAXMSGSIZE, DATA_MESSAGE_BYTES_MAX);
    if (endpoint.startsWith('tcp:')) setInt(zmq, push, ZMQ_SNDBUF, DATA_SEND_BUFFER_BYTES);
    setInt(zmq, push, ZMQ_SNDHWM, DATA_HIGH_WATER_MARK);
    setInt(zmq, push, ZMQ_IMMEDIATE, 1);
    setInt(zmq, push, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    setInt(zmq, push, ZMQ_LINGER, DATA_DRAIN_MS);
    setInt(zmq, push, ZMQ_HANDSHAKE_IVL, DATA_HANDSHAKE_MS);
    setInt(zmq, push, ZMQ_IPV6, Number(endpoint.includes('[')));
    if (this.#keys !== null) {
      setText(zmq, push, ZMQ_CURVE_SERVERKEY, key);
      setText(zmq, push, ZMQ_CURVE_PUBLICKEY, this.#keys.publicKey);
      setText(zmq, push, ZMQ_CURVE_SECRETKEY, this.#keys.secretKey);
    }
    if (zmq.connect(push, endpoint) !== 0) throw failed(zmq, `connect to ${endpoint}`);
    return push;
  }
}

interface Outgoing {
  readonly socket: bigint;
  /** Frames from `next` on wait for room. */
  readonly queue: OutgoingFrame[];
  next: number;
}

class LibzmqLink implements DataLink {
  readonly #zmq: Libzmq;
  readonly #pull: bigint;
  readonly #outgoing: readonly (Outgoing | null)[];
  readonly #closeSockets: (drain: boolean) => void;
  readonly #items: Uint8Array;
  readonly #itemFields: DataView;
  readonly #headerBytes = new Uint8Array(FRAME_HEADER_BYTES);
  readonly #header = createFrameHeader();
  readonly #more = new Uint8Array(4);
  readonly #moreLength = BigUint64Array.of(4n);
  readonly #nothing = new Uint8Array(1);
  #receiver: FrameReceiver | null = null;

  constructor(zmq: Libzmq, pull: bigint, pushes: readonly (bigint | null)[], closeSockets: (drain: boolean) => void) {
    this.#zmq = zmq;
    this.#pull = pull;
    this.#outgoing = pushes.map((socket) => (socket === null ? null : { socket, queue: [], next: 0 }));
    this.#closeSockets = closeSockets;
    this.#items = new Uint8Array(POLL_ITEM_BYTES * (1 + pushes.length));
    this.#itemFields = new DataView(this.#items.buffer);
  }

  setReceiver(receiver: FrameReceiver | null): void {
    this.#receiver = receiver;
  }

  send(frame: OutgoingFrame, update: number, flags: number): void {
    const outgoing = this.#outgoing[frame.peer];
    assert(outgoing, `no socket to member ${frame.peer}`);
    patchFrameHeader(frame.fields, update, flags);
    if (outgoing.next === outgoing.queue.length && this.#trySend(outgoing.socket, frame)) return;
    outgoing.queue.push(frame);
  }

  get isIdle(): boolean {
    return this.#outgoing.every((outgoing) => outgoing === null || outgoing.queue.length === 0);
  }

  readonly poll = (timeoutMs: number): void => {
    const hasSent = this.#pump();
    const hasReceived = this.#drain();
    if (hasSent || hasReceived) return;
    this.#zmq.poll(this.#items, this.#fillItems(), timeoutMs);
    this.#pump();
    this.#drain();
  };

  close(drain: boolean): void {
    this.#closeSockets(drain);
  }

  /** Sends what waits, as far as there is room; whether anything left. */
  #pump(): boolean {
    let hasSent = false;
    for (const outgoing of this.#outgoing) {
      if (outgoing === null || outgoing.queue.length === 0) continue;
      while (outgoing.next < outgoing.queue.length && this.#trySend(outgoing.socket, outgoing.queue[outgoing.next]!)) {
        outgoing.next++;
        hasSent = true;
      }
      if (outgoing.next === outgoing.queue.length) {
        outgoing.queue.length = 0;
        outgoing.next = 0;
      }
    }
    return hasSent;
  }

  #trySend(socket: bigint, { header, payload }: OutgoingFrame): boolean {
    const zmq = this.#zmq;
    const flags = payload === null ? ZMQ_DONTWAIT : ZMQ_DONTWAIT | ZMQ_SNDMORE;
    if (zmq.send(socket, header, header.byteLength, flags) < 0) {
      if (isTransient(zmq.errno())) return false;
      throw failed(zmq, 'send');
    }
    // A message whose first part was taken has room for the second.
    if (payload !== null && zmq.sendConst(socket, payload, payload.byteLength, 0) < 0) throw failed(zmq, 'send');
    return true;
  }

  /** Receives what has arrived; whether anything had. */
  #drain(): boolean {
    if (this.#receiver === null) return false;
    let count = 0;
    while (this.#receiveOne(this.#receiver)) count++;
    return count > 0;
  }

  #receiveOne(receiver: FrameReceiver): boolean {
    const zmq = this.#zmq;
    const bytes = zmq.receive(this.#pull, this.#headerBytes, FRAME_HEADER_BYTES, ZMQ_DONTWAIT);
    if (bytes < 0) {
      if (isTransient(zmq.errno())) return false;
      throw failed(zmq, 'receive');
    }
    const header = bytes === FRAME_HEADER_BYTES ? decodeFrameHeader(this.#headerBytes, this.#header) : null;
    const hasPayload = this.#hasMore();
    if (header === null || !receiver.isOwn(header)) {
      this.#dropParts();
      receiver.countStale();
      return true;
    }
    if (header.kind === FRAME_RECEIVED) {
      if (hasPayload) throw malformed('an acknowledgement has a payload');
      receiver.acceptEmpty(header);
      return true;
    }
    if (!hasPayload) throw malformed('it has no payload');
    const place = receiver.place(header);
    const into = place ?? this.#nothing;
    const received = zmq.receive(this.#pull, into, into.byteLength, ZMQ_DONTWAIT);
    if (this.#hasMore()) throw malformed('it has more than two parts');
    if (place === null) return true;
    if (received !== place.byteLength) throw malformed(`${received} bytes are not ${header.length} values`);
    receiver.accept(header, place);
    return true;
  }

  /** Of a message that nobody wants. */
  #dropParts(): void {
    while (this.#hasMore()) this.#zmq.receive(this.#pull, this.#nothing, this.#nothing.byteLength, ZMQ_DONTWAIT);
  }

  #hasMore(): boolean {
    this.#zmq.getOption(this.#pull, ZMQ_RCVMORE, this.#more, this.#moreLength);
    return this.#more[0] !== 0;
  }

  /** Watches for arrivals, and for room where frames wait for it; returns the number of items. */
  #fillItems(): number {
    let count = 0;
    const add = (socket: bigint, events: number): void => {
      const at = count++ * POLL_ITEM_BYTES;
      this.#itemFields.setBigUint64(at, socket, true);
      this.#itemFields.setInt16(at + POLL_EVENTS_AT, events, true);
    };
    add(this.#pull, ZMQ_POLLIN);
    for (const outgoing of this.#outgoing) {
      if (outgoing !== null && outgoing.queue.length > 0) add(outgoing.socket, ZMQ_POLLOUT);
    }
    return count;
  }
}

function isTransient(errno: number): boolean {
  return errno === EAGAIN || errno === EINTR;
}

function setInt(zmq: Libzmq, socket: bigint, option: number, value: number): void {
  const bytes = new Uint8Array(Int32Array.of(value).buffer);
  if (zmq.setOption(socket, option, bytes, bytes.length) !== 0) throw failed(zmq, `set option ${option}`);
}

function setLong(zmq: Libzmq, socket: bigint, option: number, value: number): void {
  const bytes = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
  if (zmq.setOption(socket, option, bytes, bytes.length) !== 0) throw failed(zmq, `set option ${option}`);
}

/** A key as Z85: its 40 characters and a zero. */
function setText(zmq: Libzmq, socket: bigint, option: number, text: string): void {
  const bytes = Buffer.from(`${text}\0`);
  if (zmq.setOption(socket, option, bytes, bytes.length) !== 0) throw failed(zmq, `set option ${option}`);
}

function failed(zmq: Libzmq, what: string): GantryError {
  return new GantryError('GANTRY_TRANSPORT_FAILED', `a data socket cannot ${what}: ${zmq.describe(zmq.errno())}`);
}
