import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import type { GantryError, LinkCosts } from '@gantry/common';
import {
  CHUNK_FLOATS,
  PROBE_CHUNKS,
  PROBE_PINGS,
  PROBE_TRANSFER_MS,
  PROBE_WORD_EVERY_MS,
  WAIT_SLICE_MS,
} from '../constants.js';
import {
  createFrameHeader,
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  FRAME_PARTIAL,
  FRAME_RECEIVED,
  FRAME_WIRES,
  type FrameHeader,
  malformed,
} from '../core/frame.js';
import type { ControlWords } from './control-words.js';
import type { FrameReceiver, OutgoingFrame } from './data-link.js';
import type { PeerExchangeOptions } from './peer-exchange-options.js';

export interface NetworkProbeOptions extends Pick<PeerExchangeOptions, 'sockets' | 'run' | 'generation'> {
  /** How many exchange with each other, at least two; all of them measure. */
  readonly members: number;
  readonly member: number;
  /** The last committed update: the exchange's frames are of later ones. */
  readonly update: number;
  readonly control: Pick<ControlWords, 'throwIfAborted'>;
  /** How long an answer may take before that is told, every second, in milliseconds. */
  readonly patienceMs: number;
  /** A member does not answer; told again as long as it does not. It may still be loading: whoever knows aborts the wait. */
  readonly onUnanswered: (member: number) => void;
}

/** What a frame of the probe says, in its field `nodeStart`. */
const PING = 1;
const PONG = 2;
const ARRIVED = 3;
const RESULT = 4;
const KNOCK = 5;
const HERE = 6;

/**
 * Measures the network before an exchange uses it: every member its way to the next one, all at the same time, as an
 * exchange would load it. Everybody tells everybody, so that all end with the same: the highest latency, the lowest bandwidth.
 * Before that each has knocked at all others, so that whoever is not reached is told of by all, also where nobody measures the
 * way to it. Nothing is on its way any more when it ends.
 *
 * It waits for the others as long as nobody aborts it.
 *
 * @throws GantryError GANTRY_ABORTED
 */
export async function measureNetwork(options: NetworkProbeOptions): Promise<LinkCosts> {
  const probe = new NetworkProbe(options);
  const { sockets, control, update, onUnanswered } = options;
  let toldMs = Number.NEGATIVE_INFINITY;
  sockets.setReceiver(probe);
  probe.begin();
  while (!probe.isDone || !sockets.isIdle) {
    probe.throwIfFailed();
    const { awaited } = probe;
    const nowMs = performance.now();
    const isLate = awaited !== null && nowMs - awaited.sinceMs > awaited.patienceMs;
    if (isLate && nowMs - toldMs > PROBE_WORD_EVERY_MS) {
      toldMs = nowMs;
      onUnanswered(awaited.member);
    }
    control.throwIfAborted(update + 1, 'the network to be measured');
    if (sockets.poll === null) await sleep(1);
    else {
      sockets.poll(WAIT_SLICE_MS);
      await breathe();
    }
  }
  return probe.worst;
}

/** Invariant: the member before this one sends its pings, then its chunks, and waits for the answer to each ping. */
class NetworkProbe implements FrameReceiver {
  readonly #options: NetworkProbeOptions;
  readonly #next: number;
  readonly #previous: number;
  readonly #outgoing = new Float32Array(CHUNK_FLOATS);
  readonly #arriving = new Float32Array(CHUNK_FLOATS);
  readonly #results: (LinkCosts | null)[];
  /** Who has not answered yet, and who has not knocked yet. */
  readonly #silent: Set<number>;
  readonly #unheard: Set<number>;
  readonly #beganMs = performance.now();
  #sentMs = 0;
  #heardMs = performance.now();
  #pongs = 0;
  #roundTripMs = Number.POSITIVE_INFINITY;
  #pings = 0;
  #chunks = 0;
  #failure: GantryError | null = null;

  constructor(options: NetworkProbeOptions) {
    const { members, member } = options;
    this.#options = options;
    this.#next = (member + 1) % members;
    this.#previous = (member + members - 1) % members;
    this.#results = Array.from({ length: members }, () => null);
    this.#silent = new Set(this.#results.keys());
    this.#silent.delete(member);
    this.#unheard = new Set(this.#silent);
  }

  begin(): void {
    for (const peer of this.#silent) this.#tell(peer, KNOCK);
    this.#ping();
  }

  /** It knows what everybody measured, and has answered whatever it was asked. */
  get isDone(): boolean {
    return this.#results.every((result) => result !== null) && this.#chunks === PROBE_CHUNKS && this.#silent.size === 0;
  }

  /** The next member, or else the first of the others, while its answer is not here: since when, and how long that may take. */
  get awaited(): { readonly member: number; readonly sinceMs: number; readonly patienceMs: number } | null {
    const { member, patienceMs } = this.#options;
    if (this.#results[member] !== null) {
      const [silent] = this.#silent;
      return silent === undefined ? null : { member: silent, sinceMs: this.#beganMs, patienceMs };
    }
    const isTransfer = this.#pongs === PROBE_PINGS;
    const allowedMs = isTransfer ? Math.max(patienceMs, PROBE_TRANSFER_MS) : patienceMs;
    return { member: this.#next, sinceMs: this.#heardMs, patienceMs: allowedMs };
  }

  get worst(): LinkCosts {
    const results = this.#results as readonly LinkCosts[];
    return {
      latencyUs: Math.max(...results.map(({ latencyUs }) => latencyUs)),
      kilobytesPerSecond: Math.min(...results.map(({ kilobytesPerSecond }) => kilobytesPerSecond)),
    };
  }

  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  isOwn(header: FrameHeader): boolean {
    return header.run === this.#options.run && header.generation === this.#options.generation;
  }

  countStale(): void {}

  fail(error: GantryError): void {
    this.#failure ??= error;
  }

  place({ sender, kind, length, wire }: FrameHeader): Float32Array {
    const isChunk = kind === FRAME_PARTIAL && length === CHUNK_FLOATS && wire === FRAME_WIRES.fp32;
    if (!isChunk || sender !== this.#previous || this.#chunks === PROBE_CHUNKS) {
      throw malformed(`member ${sender} sends ${length} values while the network is measured`);
    }
    return this.#arriving;
  }

  accept(): void {
    this.#chunks++;
    if (this.#chunks === PROBE_CHUNKS) this.#tell(this.#previous, ARRIVED);
  }

  acceptEmpty({ sender, nodeStart: what, offset, length }: FrameHeader): void {
    const isFromNext = sender === this.#next;
    const isAnswer = isFromNext && this.#pongs === PROBE_PINGS && this.#results[this.#options.member] === null;
    if (what === PING && sender === this.#previous && this.#pings < PROBE_PINGS) this.#answer();
    else if (what === PONG && isFromNext && this.#pongs < PROBE_PINGS) this.#onPong();
    else if (what === KNOCK && this.#unheard.delete(sender)) this.#tell(sender, HERE);
    else if (what === HERE && this.#silent.delete(sender)) return;
    else if (what === ARRIVED && isAnswer) this.#onArrived();
    else if (what === RESULT && this.#results[sender] === null) {
      this.#results[sender] = { latencyUs: offset, kilobytesPerSecond: length };
    } else throw malformed(`member ${sender} says ${what} while the network is measured`);
  }

  #answer(): void {
    this.#pings++;
    this.#tell(this.#previous, PONG);
  }

  #ping(): void {
    this.#sentMs = performance.now();
    this.#tell(this.#next, PING);
  }

  #onPong(): void {
    this.#pongs++;
    this.#heardMs = performance.now();
    this.#roundTripMs = Math.min(this.#roundTripMs, performance.now() - this.#sentMs);
    if (this.#pongs < PROBE_PINGS) this.#ping();
    else this.#transfer();
  }

  #transfer(): void {
    this.#sentMs = performance.now();
    const payload = Buffer.from(this.#outgoing.buffer);
    const fields = { kind: FRAME_PARTIAL, length: CHUNK_FLOATS } as const;
    for (let chunk = 0; chunk < PROBE_CHUNKS; chunk++) this.#send(this.#next, fields, payload);
  }

  /** The answer's way back is no part of the transfer. */
  #onArrived(): void {
    const { member, members } = this.#options;
    const latencyMs = this.#roundTripMs / 2;
    const transferMs = Math.max(0.001, performance.now() - this.#sentMs - latencyMs);
    const latencyUs = Math.max(1, Math.round(latencyMs * 1000));
    // Bytes a millisecond are kilobytes a second.
    const kilobytesPerSecond = Math.max(1, Math.round((PROBE_CHUNKS * this.#outgoing.byteLength) / transferMs));
    this.#results[member] = { latencyUs, kilobytesPerSecond };
    for (let peer = 0; peer < members; peer++) {
      if (peer !== member) this.#tell(peer, RESULT, { offset: latencyUs, length: kilobytesPerSecond });
    }
  }

  #tell(peer: number, what: number, fields: Partial<FrameHeader> = {}): void {
    this.#send(peer, { kind: FRAME_RECEIVED, nodeStart: what, ...fields }, null);
  }

  #send(peer: number, fields: Partial<FrameHeader>, payload: Buffer | null): void {
    const { run, generation, member, update, sockets } = this.#options;
    const bytes = new ArrayBuffer(FRAME_HEADER_BYTES);
    const view = new DataView(bytes);
    encodeFrameHeader({ ...createFrameHeader(), run, generation, sender: member, ...fields }, view);
    const frame: OutgoingFrame = { peer, header: Buffer.from(bytes), fields: view, payload };
    sockets.send(frame, update | 0, 0);
  }
}
