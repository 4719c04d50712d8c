import { isIP } from 'node:net';
import { ENVELOPE_BYTES_MAX, GantryError } from '@gantry/common';
import { Router } from 'zeromq';
import { DRAIN_MS, HANDSHAKE_MS, HIGH_WATER_MARK, PEERS_MAX } from './constants.js';
import { Outbox } from './outbox.js';

export interface ControlSocketOptions {
  /** `tcp://HOST:PORT`; port 0 takes a free one. */
  readonly bind: string;
  /** Allows addresses that others can reach, although nothing is encrypted or authenticated. */
  readonly insecure: boolean;
  readonly onFrame: (peer: string, frame: Uint8Array) => void;
  /** A peer cannot be reached any more. */
  readonly onGone: (peer: string) => void;
  /** What to send to a peer to find out whether it is still there; null: it does not matter. */
  readonly probe: (peer: string) => Uint8Array | null;
}

const LOOPBACK = /^127\.\d+\.\d+\.\d+$/;

/** @throws GantryError GANTRY_BIND_REFUSED for an address off the loopback without `insecure`; GANTRY_USAGE for none at all. */
export function checkBind(bind: string, insecure: boolean): string {
  const match = /^tcp:\/\/(\[[0-9a-fA-F:]+\]|[^\s:/[\]]+):(\d{1,5}|\*)$/.exec(bind);
  if (match === null) {
    const message = `${bind} is no address to bind to; write tcp://HOST:PORT, for example tcp://127.0.0.1:7400`;
    throw new GantryError('GANTRY_USAGE', message, { details: { bind } });
  }
  const host = match[1]!.replace(/^\[|\]$/g, '');
  if (!insecure && !isLoopback(host)) {
    const message =
      `${bind} can be reached from other machines, and there is no encryption or authentication yet: ` +
      `bind to 127.0.0.1, or say --insecure on a network that you trust`;
    throw new GantryError('GANTRY_BIND_REFUSED', message, { details: { bind } });
  }
  return bind.replace(/:0$/, ':*');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && LOOPBACK.test(host));
}

/** The coordinator's ROUTER: bounded in every direction, frames in and out in order for each peer. */
export class ControlSocket {
  readonly endpoint: string;
  readonly #router: Router;
  readonly #peers = new Map<string, Buffer>();
  readonly #outbox: Outbox;
  readonly #options: ControlSocketOptions;
  readonly #receiving: Promise<void>;

  private constructor(router: Router, options: ControlSocketOptions) {
    this.#router = router;
    this.#options = options;
    this.endpoint = router.lastEndpoint!;
    this.#outbox = new Outbox(
      (peer, frame) => router.send([this.#peers.get(peer)!, frame]),
      (peer) => this.#forget(peer),
    );
    this.#receiving = this.#receive();
    router.events.on('disconnect', () => this.#probeAll());
  }

  /** @throws GantryError GANTRY_BIND_REFUSED, GANTRY_TRANSPORT_FAILED where the address is taken or not of this machine. */
  static async open(options: ControlSocketOptions): Promise<ControlSocket> {
    const address = checkBind(options.bind, options.insecure);
    const router = new Router({
      linger: 0,
      // A message to a peer that is gone is an error, not silence.
      mandatory: true,
      sendTimeout: 0,
      maxMessageSize: ENVELOPE_BYTES_MAX,
      handshakeInterval: HANDSHAKE_MS,
      sendHighWaterMark: HIGH_WATER_MARK,
      receiveHighWaterMark: HIGH_WATER_MARK,
    });
    try {
      await router.bind(address);
    } catch (cause) {
      router.close();
      const message = `cannot bind to ${options.bind}: ${(cause as Error).message}; is another coordinator using it?`;
      throw new GantryError('GANTRY_TRANSPORT_FAILED', message, { cause, details: { bind: options.bind } });
    }
    return new ControlSocket(router, options);
  }

  /** Queues a frame. Resolves when ZeroMQ has it: false if the peer is gone. */
  send(peer: string, frame: Uint8Array): Promise<boolean> {
    return this.#peers.has(peer) ? this.#outbox.add(peer, frame) : Promise.resolve(false);
  }

  /** Lets the last messages leave, for a bounded time, and closes. */
  async close(): Promise<void> {
    await this.#outbox.drained(DRAIN_MS);
    // ZeroMQ goes on sending what it has for this long, in its own thread; exit waits no longer than that.
    this.#router.linger = DRAIN_MS;
    this.#router.close();
    await this.#receiving;
  }

  async #receive(): Promise<void> {
    for await (const frames of this.#router) {
      const [id, frame] = frames;
      if (frames.length !== 2 || id === undefined || frame === undefined) continue;
      const peer = id.toString('hex');
      if (!this.#peers.has(peer)) {
        if (this.#peers.size >= PEERS_MAX) this.#forgetStranger();
        this.#peers.set(peer, id);
      }
      this.#options.onFrame(peer, frame);
    }
  }

  /** The event does not say who left: whoever cannot be sent to any more. */
  #probeAll(): void {
    for (const peer of [...this.#peers.keys()]) {
      const frame = this.#options.probe(peer);
      if (frame !== null) void this.send(peer, frame);
    }
  }

  /** Strangers come and go: the one that came first makes room. */
  #forgetStranger(): void {
    for (const peer of this.#peers.keys()) {
      if (this.#options.probe(peer) === null) {
        this.#peers.delete(peer);
        return;
      }
    }
  }

  #forget(peer: string): void {
    if (this.#peers.delete(peer)) this.#options.onGone(peer);
  }
}
