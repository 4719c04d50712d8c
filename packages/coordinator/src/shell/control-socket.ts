import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ENVELOPE_BYTES_MAX, GantryError } from '@gantry/common';
import { Router } from 'zeromq';
import { DRAIN_MS, FAREWELL_MS, HANDSHAKE_MS, HIGH_WATER_MARK, PEERS_MAX, PROBE_EVERY_MS } from './constants.js';
import { ControlGuard } from './control-guard.js';
import { Outbox } from './outbox.js';

export interface ControlSocketOptions {
  /** `tcp://HOST:PORT`; port 0 takes a free one. */
  readonly bind: string;
  /** Allows addresses that others can reach, although nothing is encrypted or authenticated. */
  readonly insecure: boolean;
  /** Folder of keys: everything is encrypted, and only workers on the allow-list are admitted. */
  readonly keys?: string | undefined;
  /** `name`: what the allow-list calls the sender, whose key this message is bound to; null without keys. */
  readonly onFrame: (peer: string, frame: Uint8Array, name: string | null) => void;
  /** A peer cannot be reached any more. */
  readonly onGone: (peer: string) => void;
  /** What to send to a peer to find out whether it is still there; null: it does not matter. */
  readonly probe: (peer: string) => Uint8Array | null;
  /** With keys: the last thing to tell a worker whose key was taken off the allow-list. It is gone then. */
  readonly farewell?: (peer: string, name: string) => Uint8Array;
  readonly onWarning?: (message: string) => void;
}

const LOOPBACK = /^127\.\d+\.\d+\.\d+$/;

/** @throws GantryError GANTRY_BIND_REFUSED for an address off the loopback without keys or `insecure`; GANTRY_USAGE for none at all. */
export function checkBind(bind: string, { insecure, keys }: Pick<ControlSocketOptions, 'insecure' | 'keys'>): string {
  const match = /^tcp:\/\/(\[[0-9a-fA-F:]+\]|[^\s:/[\]]+):(\d{1,5}|\*)$/.exec(bind);
  if (match === null) {
    const message = `${bind} is no address to bind to; write tcp://HOST:PORT, for example tcp://127.0.0.1:7400`;
    throw new GantryError('GANTRY_USAGE', message, { details: { bind } });
  }
  const host = match[1]!.replace(/^\[|\]$/g, '');
  if (!insecure && keys === undefined && !isLoopback(host)) {
    const message =
      `${bind} can be reached from other machines, which needs keys: make them with npx gantry keygen --out keys --workers 2, ` +
      `then add --keys keys. Or bind to 127.0.0.1, or say --insecure on a network that you trust`;
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
  readonly #guard: ControlGuard | null;
  readonly #receiving: Promise<void>;
  #probing: NodeJS.Timeout | null = null;
  #probedMs = Number.NEGATIVE_INFINITY;

  private constructor(router: Router, guard: ControlGuard | null, options: ControlSocketOptions) {
    this.#router = router;
    this.#guard = guard;
    this.#options = options;
    this.endpoint = router.lastEndpoint!;
    this.#outbox = new Outbox(
      (peer, frame) => router.send([this.#peers.get(peer)!, frame]),
      (peer) => this.#forget(peer),
    );
    this.#receiving = this.#receive();
    router.events.on('disconnect', () => this.#probeSoon());
  }

  /** @throws GantryError GANTRY_BIND_REFUSED, GANTRY_KEYS_INVALID, GANTRY_TRANSPORT_FAILED where the address is taken or not of this machine. */
  static async open(options: ControlSocketOptions): Promise<ControlSocket> {
    const address = checkBind(options.bind, options);
    // Until there is a socket nobody is connected.
    let revoke = (_name: string, _peers: readonly string[]): void => {};
    const guard =
      options.keys === undefined
        ? null
        : await ControlGuard.open(options.keys, {
            onRevoked: (name, peers) => revoke(name, peers),
            onWarning: (message) => options.onWarning?.(message),
          });
    const router = new Router({
      linger: 0,
      // A message to a peer that is gone is an error, not silence.
      mandatory: true,
      sendTimeout: 0,
      maxMessageSize: ENVELOPE_BYTES_MAX,
      handshakeInterval: HANDSHAKE_MS,
      sendHighWaterMark: HIGH_WATER_MARK,
      receiveHighWaterMark: HIGH_WATER_MARK,
      ...guard?.socketOptions,
    });
    try {
      await router.bind(address);
    } catch (cause) {
      router.close();
      await guard?.close();
      const message = `cannot bind to ${options.bind}: ${(cause as Error).message}; is another coordinator using it?`;
      throw new GantryError('GANTRY_TRANSPORT_FAILED', message, { cause, details: { bind: options.bind } });
    }
    const socket = new ControlSocket(router, guard, options);
    revoke = (name, peers) => socket.#revoke(name, peers);
    return socket;
  }

  /** The key of a worker that this process starts, as the text of a file; null without keys. */
  admitOwn(name: string): string | null {
    return this.#guard?.admitOwn(name) ?? null;
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
    if (this.#probing !== null) clearTimeout(this.#probing);
    await this.#receiving;
    await this.#guard?.close();
  }

  async #receive(): Promise<void> {
    for await (const frames of this.#router) {
      const [id, ...parts] = frames;
      if (id === undefined) continue;
      const peer = id.toString('hex');
      const opened = this.#open(peer, parts);
      if (opened === null) continue;
      if (!this.#peers.has(peer)) {
        if (this.#peers.size >= PEERS_MAX) this.#forgetStranger();
        this.#peers.set(peer, id);
      }
      this.#options.onFrame(peer, opened.frame, opened.name);
    }
  }

  #open(peer: string, parts: readonly Buffer[]): { frame: Uint8Array; name: string | null } | null {
    if (this.#guard === null) return parts.length === 1 ? { frame: parts[0]!, name: null } : null;
    const opened = this.#guard.open(peer, parts);
    // Somebody else has its routing id now, which ZeroMQ gives to nobody before its connection is gone.
    if (opened === 'taken') this.#forget(peer);
    return typeof opened === 'string' ? null : opened;
  }

  /** Cuts these peers and no others, also one that does not read; what they still send is of no key that is admitted. */
  #revoke(name: string, peers: readonly string[]): void {
    this.#options.onWarning?.(`revoked ${name}: its key is not on the allow-list any more`);
    for (const peer of peers) {
      const frame = this.#options.farewell?.(peer, name);
      const told = frame === undefined ? Promise.resolve(true) : this.send(peer, frame);
      void Promise.race([told, delay(FAREWELL_MS, undefined, { ref: false })]).then(() => this.#forget(peer));
    }
  }

  /** At once, unless it was done a moment ago. */
  #probeSoon(): void {
    const waitMs = this.#probedMs + PROBE_EVERY_MS - performance.now();
    if (waitMs <= 0) this.#probeAll();
    else this.#probing ??= setTimeout(() => this.#probeAll(), waitMs);
  }

  /** The event does not say who left: whoever cannot be sent to any more. */
  #probeAll(): void {
    this.#probing = null;
    this.#probedMs = performance.now();
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
        this.#guard?.forget(peer);
        this.#outbox.forget(peer);
        return;
      }
    }
  }

  #forget(peer: string): void {
    this.#guard?.forget(peer);
    this.#outbox.forget(peer);
    if (this.#peers.delete(peer)) this.#options.onGone(peer);
  }
}
