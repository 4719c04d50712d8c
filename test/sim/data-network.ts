import {
  type BoundDataSocket,
  type DataLink,
  DataSocket,
  type FrameReceiver,
  type OutgoingFrame,
} from '@gantry/collective';
import { createFrameHeader, decodeFrameHeader, FRAME_RECEIVED, patchFrameHeader } from '@gantry/collective/core';
import type { Lane } from './network.js';
import type { SimProcess } from './process.js';

interface DataFrame {
  readonly header: Uint8Array;
  /** The sender's own memory: it is read as late as can be, when the frame arrives; from then on a copy. */
  payload: Uint8Array | null;
}

interface Arrived {
  readonly header: Uint8Array;
  readonly payload: Uint8Array | null;
}

/** Thrown by a wait that would sleep: it is tried again when something has happened. */
export const PENDING = Symbol('pending');

/** A frame with a payload, as its sender hands it to the network. */
export interface SentPayload {
  readonly endpoint: string;
  readonly update: number;
  readonly bytes: number;
}

/** All data sockets that are bound, by endpoint. */
export class DataNetwork {
  readonly #bound = new Map<string, SimDataSocket>();
  #nextPort = 1;
  #watcher: ((sent: SentPayload) => void) | null = null;

  /** @param watcher Told of every frame with a payload when it is sent. */
  watch(watcher: (sent: SentPayload) => void): void {
    this.#watcher = watcher;
  }

  noteSent(sent: SentPayload): void {
    this.#watcher?.(sent);
  }

  bind(process: SimProcess, onArrival: () => void): DataSocket {
    const endpoint = `tcp://${process.host}:${this.#nextPort++}`;
    const socket = new SimDataSocket({ network: this, process, endpoint, onArrival });
    this.#bound.set(endpoint, socket);
    return new DataSocket(socket, { folder: null, publicKey: '' });
  }

  find(endpoint: string): SimDataSocket | null {
    return this.#bound.get(endpoint) ?? null;
  }

  unbind(endpoint: string): void {
    this.#bound.delete(endpoint);
  }

  /** A connection between two hosts is lost, with what is on its way. */
  breakBetween(from: string, to: string): void {
    for (const socket of this.#bound.values()) if (socket.process.host === from) socket.breakTo(to);
  }
}

interface SocketOptions {
  readonly network: DataNetwork;
  readonly process: SimProcess;
  readonly endpoint: string;
  readonly onArrival: () => void;
}

/** A PULL that is bound, and the PUSHes that its owner made. */
class SimDataSocket implements BoundDataSocket, DataLink {
  readonly endpoint: string;
  readonly process: SimProcess;
  readonly #options: SocketOptions;
  readonly #arrived: Arrived[] = [];
  readonly #header = createFrameHeader();
  #endpoints: readonly (string | null)[] = [];
  readonly #lanes = new Map<number, Lane<DataFrame>>();
  #receiver: FrameReceiver | null = null;
  #isClosed = false;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.endpoint = options.endpoint;
    this.process = options.process;
  }

  connect(endpoints: readonly (string | null)[]): DataLink {
    this.#endpoints = endpoints;
    return this;
  }

  setReceiver(receiver: FrameReceiver | null): void {
    this.#receiver = receiver;
  }

  get isIdle(): boolean {
    return true;
  }

  send(frame: OutgoingFrame, update: number, flags: number): void {
    this.process.world.steps.take(`${this.process.name} sends a data frame`);
    if (this.#isClosed) return;
    patchFrameHeader(frame.fields, update, flags);
    const { endpoint } = this;
    const bytes = frame.payload?.byteLength;
    if (bytes !== undefined) this.#options.network.noteSent({ endpoint, update, bytes });
    this.#laneTo(frame.peer).send({ header: Uint8Array.from(frame.header), payload: frame.payload });
  }

  /** Takes what has arrived; a wait that comes to nothing is tried again later. */
  readonly poll = (): void => {
    if (this.take() === 0) throw PENDING;
  };

  take(): number {
    if (this.#receiver === null) return 0;
    const arrived = this.#arrived.splice(0);
    for (const frame of arrived) this.#receive(this.#receiver, frame);
    return arrived.length;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.network.unbind(this.endpoint);
  }

  breakTo(host: string): void {
    for (const [peer, lane] of this.#lanes) {
      if (lane.to !== host) continue;
      lane.close();
      this.#lanes.delete(peer);
    }
  }

  #laneTo(peer: number): Lane<DataFrame> {
    const known = this.#lanes.get(peer);
    if (known !== undefined) return known;
    const { network } = this.#options;
    const endpoint = this.#endpoints[peer]!;
    const to = endpoint.slice('tcp://'.length).split(':')[0]!;
    const lane = this.process.world.network.lane<DataFrame>(this.process.host, to, (frame) => {
      network.find(endpoint)?.arrive(frame);
    });
    this.#lanes.set(peer, lane);
    return lane;
  }

  arrive(frame: DataFrame): void {
    this.process.world.steps.take(`${this.process.name} receives a data frame`);
    if (this.#isClosed || !this.process.alive) return;
    frame.payload &&= Uint8Array.from(frame.payload);
    this.#arrived.push({ header: frame.header, payload: frame.payload });
    this.process.run(this.#options.onArrival);
  }

  #receive(receiver: FrameReceiver, { header: bytes, payload }: Arrived): void {
    const header = decodeFrameHeader(bytes, this.#header);
    if (header === null || !receiver.isOwn(header)) {
      receiver.countStale();
      return;
    }
    if (header.kind === FRAME_RECEIVED) {
      receiver.acceptEmpty(header);
      return;
    }
    const place = receiver.place(header);
    if (place === null) return;
    new Uint8Array(place.buffer, place.byteOffset, place.byteLength).set(payload!);
    receiver.accept(header, place);
  }
}
