import { assert, GantryError } from '@gantry/common';
import type { KeyPair } from '@gantry/common/keys';
import { Context, Pull, Push } from 'zeromq';
import {
  DATA_DRAIN_MS,
  DATA_HANDSHAKE_MS,
  DATA_HIGH_WATER_MARK,
  DATA_MESSAGE_BYTES_MAX,
  DATA_SEND_BUFFER_BYTES,
} from '../constants.js';
import { createFrameHeader, decodeFrameHeader, FRAME_RECEIVED, malformed, patchFrameHeader } from '../core/frame.js';
import type { BoundDataSocket, DataLink, FrameReceiver, OutgoingFrame } from './data-link.js';

const RECONNECT_MS = 20;

/** Data sockets on zeromq.js: in the event loop, on every platform. */
export async function bindZeromqSocket(address: string, keys: KeyPair | null): Promise<BoundDataSocket> {
  const context = new Context({ blocky: false });
  const options = {
    ...{ context, linger: 0, maxMessageSize: DATA_MESSAGE_BYTES_MAX, handshakeInterval: DATA_HANDSHAKE_MS },
  };
  const pull = new Pull({
    ...options,
    ipv6: address.includes('['),
    receiveHighWaterMark: DATA_HIGH_WATER_MARK,
    ...(keys !== null && { curveServer: true, curveSecretKey: keys.secretKey }),
  });
  try {
    await pull.bind(address);
  } catch (cause) {
    pull.close();
    throw failed('bind', cause);
  }
  return {
    endpoint: pull.lastEndpoint!,
    connect: (endpoints, serverKeys) => {
      const push = (member: number) =>
        new Push({
          ...options,
          immediate: true,
          sendHighWaterMark: DATA_HIGH_WATER_MARK,
          ...(endpoints[member]?.startsWith('tcp:') && { sendBufferSize: DATA_SEND_BUFFER_BYTES }),
          reconnectInterval: RECONNECT_MS,
          ipv6: endpoints[member]?.includes('[') ?? false,
          ...(keys !== null && {
            curveServerKey: serverKeys[member] ?? '',
            curvePublicKey: keys.publicKey,
            curveSecretKey: keys.secretKey,
          }),
        });
      return new ZeromqLink(pull, endpoints, push);
    },
    close: () => pull.close(),
  };
}

class ZeromqLink implements DataLink {
  readonly poll = null;
  readonly #pull: Pull;
  readonly #outgoing: readonly (Outgoing | null)[];
  readonly #header = createFrameHeader();
  #receiver: FrameReceiver | null = null;
  #isReceiving = false;
  #failure: GantryError | null = null;
  #isClosed = false;

  constructor(pull: Pull, endpoints: readonly (string | null)[], createPush: (member: number) => Push) {
    this.#pull = pull;
    this.#outgoing = endpoints.map((endpoint, member) =>
      endpoint === null ? null : new Outgoing(createPush(member), endpoint, this.#fail),
    );
  }

  setReceiver(receiver: FrameReceiver | null): void {
    this.#receiver = receiver;
    if (receiver === null) return;
    if (this.#failure !== null) receiver.fail(this.#failure);
    if (!this.#isReceiving) void this.#receive();
  }

  send(frame: OutgoingFrame, update: number, flags: number): void {
    const outgoing = this.#outgoing[frame.peer];
    assert(outgoing, `no socket to member ${frame.peer}`);
    patchFrameHeader(frame.fields, update, flags);
    outgoing.send(frame);
  }

  get isIdle(): boolean {
    return this.#outgoing.every((outgoing) => outgoing === null || !outgoing.isSending);
  }

  close(drain: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const outgoing of this.#outgoing) outgoing?.close(drain);
    this.#pull.close();
  }

  /** One message may arrive after the last receiver has gone: it is of the old generation, and dropped. */
  async #receive(): Promise<void> {
    this.#isReceiving = true;
    try {
      while (!this.#isClosed && this.#receiver !== null) {
        const parts = await this.#pull.receive();
        if (this.#receiver !== null) this.#take(this.#receiver, parts);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isReceiving = false;
    }
  }

  #take(receiver: FrameReceiver, parts: readonly Buffer[]): void {
    const header = decodeFrameHeader(parts[0]!, this.#header);
    if (header === null || !receiver.isOwn(header)) {
      receiver.countStale();
      return;
    }
    const payload = parts[1];
    if (parts.length > 2) throw malformed('it has more than two parts');
    if (header.kind === FRAME_RECEIVED) {
      if (payload !== undefined) throw malformed('an acknowledgement has a payload');
      receiver.acceptEmpty(header);
      return;
    }
    const place = receiver.place(header);
    if (place === null) return;
    if (payload?.byteLength !== place.byteLength)
      throw malformed(`${payload?.byteLength ?? 0} bytes are not ${header.length} values`);
    new Uint8Array(place.buffer, place.byteOffset, place.byteLength).set(payload);
    receiver.accept(header, place);
  }

  readonly #fail = (cause: unknown): void => {
    if (this.#isClosed) return;
    this.#failure ??= cause instanceof GantryError ? cause : failed('go on', cause);
    this.#receiver?.fail(this.#failure);
  };
}

/** One PUSH socket and the frames that wait for it. */
class Outgoing {
  readonly #socket: Push;
  readonly #queue: OutgoingFrame[] = [];
  readonly #fail: (error: unknown) => void;
  #next = 0;
  #isSending = false;

  get isSending(): boolean {
    return this.#isSending;
  }

  constructor(socket: Push, endpoint: string, fail: (error: unknown) => void) {
    this.#socket = socket;
    this.#fail = fail;
    socket.connect(endpoint);
  }

  send(frame: OutgoingFrame): void {
    this.#queue.push(frame);
    if (!this.#isSending) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#isSending = true;
    try {
      while (this.#next < this.#queue.length) {
        const { header, payload } = this.#queue[this.#next++]!;
        await this.#socket.send(payload === null ? [header] : [header, payload]);
      }
      this.#queue.length = 0;
      this.#next = 0;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isSending = false;
    }
  }

  close(drain: boolean): void {
    this.#socket.linger = drain ? DATA_DRAIN_MS : 0;
    this.#socket.close();
  }
}

function failed(what: string, cause: unknown): GantryError {
  return new GantryError('GANTRY_TRANSPORT_FAILED', `a data socket cannot ${what}: ${(cause as Error).message}`, {
    cause,
  });
}
