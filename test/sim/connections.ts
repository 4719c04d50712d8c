import type { Envelope } from '@gantry/common';
import type { Lane } from './network.js';
import type { SimProcess } from './process.js';
import type { World } from './world.js';

/** What a coordinator's ROUTER does for its core. */
export interface RouterEnd extends SimProcess {
  onFrame(peer: string, envelope: Envelope): void;
  onPeerGone(peer: string): void;
}

const FIN = 'fin';
type Item = Envelope | typeof FIN;

function nameOf(item: Item): string {
  return item === FIN ? FIN : item.body.kind;
}

/** One TCP connection between a worker's DEALER and the coordinator's ROUTER. */
interface Connection {
  readonly peer: string;
  readonly router: RouterEnd;
  readonly dealer: Dealer;
  readonly up: Lane<Item>;
  readonly down: Lane<Item>;
}

const RECONNECT_MS = 50;
const RECONNECT_MS_MAX = 500;

/** The coordinator's address: which process is bound there, and who is connected to it. */
export class ControlAddress {
  readonly #world: World;
  readonly #connections = new Map<string, Connection>();
  #bound: RouterEnd | null = null;
  #nextPeer = 1;

  constructor(world: World) {
    this.#world = world;
  }

  get bound(): RouterEnd | null {
    return this.#bound;
  }

  bind(router: RouterEnd): void {
    this.#bound = router;
  }

  /** The process has ended. `silently`: with its machine, so that nobody is told. */
  unbind(router: RouterEnd, silently: boolean): void {
    if (this.#bound === router) this.#bound = null;
    for (const connection of this.#connections.values()) {
      if (connection.router !== router) continue;
      this.#connections.delete(connection.peer);
      connection.up.close();
      if (silently) connection.down.close();
      else connection.down.send(FIN);
    }
  }

  /** Null: nobody can be reached. */
  connect(dealer: Dealer): Connection | null {
    const router = this.#bound;
    const { network } = this.#world;
    if (router === null || !network.isReachable(dealer.process.host, router.host)) return null;
    const peer = `p${this.#nextPeer++}`;
    const { steps } = this.#world;
    const up = network.lane<Item>(dealer.process.host, router.host, (item) => {
      steps.take(`${router.name} receives ${nameOf(item)}`);
      router.run(() => {
        // What arrives a second time behind the end of its connection.
        if (!this.#connections.has(peer)) return;
        if (item !== FIN) router.onFrame(peer, item);
        else {
          this.#connections.delete(peer);
          router.onPeerGone(peer);
        }
      });
    });
    const down = network.lane<Item>(router.host, dealer.process.host, (item) => {
      steps.take(`${dealer.process.name} receives ${nameOf(item)}`);
      dealer.process.run(() => {
        if (item === FIN) dealer.onBroken(connection);
        else dealer.onFrame(connection, item);
      });
    });
    const connection: Connection = { peer, router, dealer, up, down };
    this.#connections.set(peer, connection);
    return connection;
  }

  isConnected(peer: string): boolean {
    return this.#connections.has(peer);
  }

  send(peer: string, envelope: Envelope): boolean {
    this.#world.steps.take(`the coordinator sends ${nameOf(envelope)}`);
    const connection = this.#connections.get(peer);
    connection?.down.send(envelope);
    return connection !== undefined;
  }

  /** The worker closes its end; what it sent before still arrives. */
  hangUp(connection: Connection, silently: boolean): void {
    connection.down.close();
    if (silently) connection.up.close();
    else connection.up.send(FIN);
  }

  /** A connection is lost with all that is on its way; both ends notice. */
  breakOne(dealer: Dealer): void {
    for (const connection of this.#connections.values()) {
      if (connection.dealer !== dealer) continue;
      this.#connections.delete(connection.peer);
      connection.up.close();
      connection.down.close();
      this.#world.clock.after(this.#world.network.delayMs(), () =>
        connection.router.run(() => connection.router.onPeerGone(connection.peer)),
      );
      this.#world.clock.after(this.#world.network.delayMs(), () =>
        dealer.process.run(() => dealer.onBroken(connection)),
      );
    }
  }
}

/** A worker's DEALER: it connects until somebody is there, queues meanwhile, and connects again when that one is gone. */
export class Dealer {
  readonly process: SimProcess;
  readonly #onFrame: (envelope: Envelope) => void;
  #connection: Connection | null = null;
  #queue: Envelope[] = [];
  #isClosed = false;
  #waitMs = RECONNECT_MS;

  constructor(process: SimProcess, onFrame: (envelope: Envelope) => void) {
    this.process = process;
    this.#onFrame = onFrame;
    this.#connect();
  }

  send(envelope: Envelope): void {
    this.process.world.steps.take(`${this.process.name} sends ${nameOf(envelope)}`);
    if (this.#isClosed) return;
    if (this.#connection === null) this.#queue.push(envelope);
    else this.#connection.up.send(envelope);
  }

  onFrame(connection: Connection, envelope: Envelope): void {
    if (!this.#isClosed && connection === this.#connection) this.#onFrame(envelope);
  }

  onBroken(connection: Connection): void {
    if (this.#isClosed || connection !== this.#connection) return;
    this.#connection.down.close();
    this.#connection = null;
    this.process.after(RECONNECT_MS, () => this.#connect());
  }

  close(silently = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue = [];
    if (this.#connection !== null) this.process.world.address.hangUp(this.#connection, silently);
  }

  #connect(): void {
    if (this.#isClosed || this.#connection !== null) return;
    this.#connection = this.process.world.address.connect(this);
    if (this.#connection === null) {
      this.process.after(this.#waitMs, () => this.#connect());
      this.#waitMs = Math.min(RECONNECT_MS_MAX, 2 * this.#waitMs);
      return;
    }
    this.#waitMs = RECONNECT_MS;
    for (const envelope of this.#queue.splice(0)) this.#connection.up.send(envelope);
  }
}
