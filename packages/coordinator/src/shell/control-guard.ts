import { assert, ENVELOPE_BYTES_MAX, SEALED_PART_BYTES_MAX } from '@gantry/common';
import {
  generateKeyPair,
  type KeyPair,
  openSeal,
  printKeyFile,
  readKeyFolder,
  type SealKey,
  sealedBy,
  serverSealKey,
} from '@gantry/common/keys';
import { Context, type Router, type SocketOptions } from 'zeromq';
import { REFUSALS_TOLD } from '../core/constants.js';
import { AllowListFile } from './allow-list-file.js';
import { ALLOW_LIST_EVERY_MS, CURVE_OVERHEAD_BYTES } from './constants.js';
import { testGuard } from './guard-test.js';
import { ZapHandler } from './zap-handler.js';

const DOMAIN = 'gantry';

export interface ControlGuardEvents {
  /** A key was taken off the allow-list, or given another name: these peers are to be cut. */
  readonly onRevoked: (name: string, peers: readonly string[]) => void;
  readonly onWarning: (message: string) => void;
}

/** What a message that passed was sent by. */
export interface Opened {
  readonly name: string;
  readonly frame: Uint8Array;
}

interface Bound {
  readonly name: string;
  readonly key: SealKey;
  /** Of the last seal; the next one's is higher. */
  counter: number;
}

/**
 * Who may talk to the coordinator, and who a message is from. ZAP admits connections by their CURVE key; the seal in front
 * of every message (see @gantry/common/keys) binds it to that key, which ZeroMQ does not tell. Invariant: `#bound` has the peers
 * whose key is on the allow-list, each with the one key that it began with.
 */
export class ControlGuard {
  readonly #server: KeyPair;
  readonly #allowed: AllowListFile;
  /** Of the workers that this process starts: name by public key. */
  readonly #own = new Map<string, string>();
  readonly #bound = new Map<string, Bound>();
  readonly #context = new Context();
  readonly #events: ControlGuardEvents;
  readonly #timer: NodeJS.Timeout;
  #zap: ZapHandler | null = null;
  #refused = 0;
  /** Until the test is over, whose unknown key nobody has to hear of. */
  #testing = true;

  private constructor(folder: string, events: ControlGuardEvents) {
    const { server, allowedFile } = readKeyFolder(folder);
    this.#server = server;
    this.#events = events;
    this.#allowed = new AllowListFile(allowedFile, {
      revoked: (publicKey, name) => this.#revoke(publicKey, name),
      problem: events.onWarning,
    });
    this.#timer = setInterval(() => this.#allowed.refresh(), ALLOW_LIST_EVERY_MS).unref();
  }

  /**
   * Ends when the decision works: it was seen to refuse an unknown key and to admit a known one.
   * @throws GantryError GANTRY_KEYS_INVALID; GANTRY_INTERNAL where the test fails.
   */
  static async open(folder: string, events: ControlGuardEvents): Promise<ControlGuard> {
    const guard = new ControlGuard(folder, events);
    try {
      guard.#zap = await ZapHandler.start({
        context: guard.#context,
        domain: DOMAIN,
        nameOf: (publicKey) => guard.#admit(publicKey),
        onRefused: (address) => guard.#refuse(address),
      });
      await guard.#test();
    } catch (error) {
      await guard.close();
      throw error;
    }
    return guard;
  }

  /** What the ROUTER needs beside its ordinary options. */
  get socketOptions(): SocketOptions<Router> {
    return {
      context: this.#context,
      curveServer: true,
      curveSecretKey: this.#server.secretKey,
      zapDomain: DOMAIN,
      // Without it ZeroMQ admits everybody whenever the handler is not there.
      zapEnforceDomain: true,
      // Counts before anybody is admitted as well as after.
      maxMessageSize: SEALED_PART_BYTES_MAX + CURVE_OVERHEAD_BYTES,
    };
  }

  /** A key file's text for a worker that this process starts; it is on no disk, and ends with the process. */
  admitOwn(name: string): string {
    const pair = generateKeyPair();
    this.#own.set(pair.publicKey, name);
    return printKeyFile({ kind: 'worker', name, ...pair, serverKey: this.#server.publicKey });
  }

  /**
   * Checks a message from `peer`. invalid: it is not sealed by a key that is admitted, or was there before; taken: it is of
   * another key than the one that the peer began with.
   */
  open(peer: string, [seal, ...parts]: readonly Uint8Array[]): Opened | 'invalid' | 'taken' {
    const publicKey = seal === undefined ? null : sealedBy(seal);
    if (publicKey === null) return 'invalid';
    const bound = this.#bound.get(peer) ?? this.#bind(publicKey);
    if (bound === null) return 'invalid';
    if (bound.key.publicKey !== publicKey) return 'taken';
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (bytes > ENVELOPE_BYTES_MAX) return 'invalid';
    const counter = openSeal(bound.key, seal!, parts);
    if (counter === null || counter <= bound.counter) return 'invalid';
    bound.counter = counter;
    this.#bound.set(peer, bound);
    return { name: bound.name, frame: parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes) };
  }

  forget(peer: string): void {
    this.#bound.delete(peer);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#zap?.close();
  }

  #nameOf(publicKey: string): string | undefined {
    return this.#own.get(publicKey) ?? this.#allowed.nameOf(publicKey);
  }

  #admit(publicKey: string): string | undefined {
    this.#allowed.refresh();
    return this.#nameOf(publicKey);
  }

  #bind(publicKey: string): Bound | null {
    const name = this.#nameOf(publicKey);
    if (name === undefined) return null;
    try {
      return { name, key: serverSealKey(this.#server, publicKey), counter: 0 };
    } catch {
      // A point of low order: nobody holds its secret.
      return null;
    }
  }

  #revoke(publicKey: string, name: string): void {
    const peers = [...this.#bound].filter(([, { key }]) => key.publicKey === publicKey).map(([peer]) => peer);
    this.#events.onRevoked(name, peers);
    for (const peer of peers) this.#bound.delete(peer);
  }

  /** The first few are told, so that a stranger who tries again and again does not fill the log. */
  #refuse(address: string): void {
    if (this.#testing || ++this.#refused > REFUSALS_TOLD) return;
    const last = this.#refused === REFUSALS_TOLD ? '; further ones are not told' : '';
    this.#events.onWarning(`refused a connection from ${address}: its key is not on the allow-list${last}`);
  }

  async #test(): Promise<void> {
    const known = generateKeyPair();
    this.#own.set(known.publicKey, 'self-test');
    await testGuard({ socketOptions: this.socketOptions, serverKey: this.#server.publicKey, known });
    this.#own.delete(known.publicKey);
    this.#testing = false;
    assert(this.#admit(known.publicKey) === undefined, 'the key of the test is not admitted any more');
  }
}
