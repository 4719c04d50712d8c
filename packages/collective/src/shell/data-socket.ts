import fs from 'node:fs';
import { GantryError } from '@gantry/common';
import { generateKeyPair, isKey } from '@gantry/common/keys';
import 'zeromq';
import { cleanStaleDataFolders, makeDataFolder } from './data-folder.js';
import type { BoundDataSocket, DataLink } from './data-link.js';
import { loadLibzmq } from './libzmq.js';
import { LibzmqSocket } from './libzmq-link.js';
import { bindZeromqSocket } from './zeromq-link.js';

export interface DataSocketOptions {
  /** tcp: address to bind to. Anything but the loopback is refused unless `encrypted`. @default '127.0.0.1' */
  readonly host?: string;
  /**
   * tcp: CURVE with a key pair that this socket makes and that ends with it. Whoever is not told its public key cannot connect.
   * ipc lies in a folder of one user and has no need of it. @default false
   */
  readonly encrypted?: boolean;
  /** tcp: off the loopback also without keys, because somebody said so: whoever reaches it can read and forge sums. @default false */
  readonly insecure?: boolean;
}

const ENDPOINT_PATTERN = /^(ipc:\/\/\/\S+|tcp:\/\/\S+:\d{1,5})$/;

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '[::]', '*']);

/** This member's end of the data plane, bound, so that its endpoint can be announced. */
export class DataSocket {
  /** What peers connect to: `ipc:///…` or `tcp://HOST:PORT`. */
  readonly endpoint: string;
  /** Where an ipc endpoint lies; null for tcp. */
  readonly folder: string | null;
  /** What peers need to connect, and nobody else may know; empty where nothing is encrypted. */
  readonly publicKey: string;
  readonly #bound: BoundDataSocket;
  #hasName: boolean;
  #isClosed = false;

  constructor(bound: BoundDataSocket, { folder, publicKey }: { folder: string | null; publicKey: string }) {
    this.publicKey = publicKey;
    this.endpoint = bound.endpoint;
    this.#bound = bound;
    this.folder = folder;
    this.#hasName = folder !== null;
  }

  /** @throws GantryError GANTRY_TRANSPORT_FAILED for an endpoint that is none, or keys on one side only. */
  connect(endpoints: readonly (string | null)[], keys: readonly string[] = []): DataLink {
    for (const [member, endpoint] of endpoints.entries()) {
      if (endpoint === null) continue;
      if (!ENDPOINT_PATTERN.test(endpoint)) {
        throw new GantryError('GANTRY_TRANSPORT_FAILED', `${JSON.stringify(endpoint)} is not an ipc or tcp endpoint`);
      }
      const key = keys[member] ?? '';
      if (this.publicKey === '' ? key === '' : isKey(key)) continue;
      const [with_, without] = this.publicKey === '' ? [endpoint, 'this worker'] : ['this worker', endpoint];
      const message = `${with_} encrypts its data and ${without} does not: start all workers with --keys, or none`;
      throw new GantryError('GANTRY_TRANSPORT_FAILED', message);
    }
    return this.#bound.connect(endpoints, keys);
  }

  /** Takes the endpoint's name away when everybody has connected: connections need none, and none can be left behind. Idempotent. */
  unlink(): void {
    if (!this.#hasName) return;
    this.#hasName = false;
    fs.rmSync(this.folder!, { recursive: true, force: true });
  }

  /**
   * Idempotent; also removes what ipc left in the file system, of members that were killed too.
   * @param drain What is queued may still leave for a short while; false: the membership has ended, and nobody waits for it.
   */
  close(drain = true): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // First: what is queued may take its time to leave, and a kill may come meanwhile.
    this.unlink();
    if (this.folder !== null) cleanStaleDataFolders();
    this.#bound.close(drain);
  }
}

/**
 * Binds early; `PeerSockets` connect later. Frames wait in the socket until then.
 *
 * @throws GantryError GANTRY_BIND_REFUSED off the loopback without encryption or `insecure`, or for an address that is none to reach; GANTRY_TRANSPORT_FAILED if the system refuses.
 */
export async function bindDataSocket(transport: 'ipc' | 'tcp', options: DataSocketOptions = {}): Promise<DataSocket> {
  const host = options.host ?? '127.0.0.1';
  const encrypted = transport === 'tcp' && (options.encrypted ?? false);
  if (transport === 'tcp') checkHost(host, encrypted || (options.insecure ?? false));
  const folder = transport === 'ipc' ? makeDataFolder() : null;
  const address = folder === null ? `tcp://${host}:*` : `ipc://${folder}/data`;
  const zmq = loadLibzmq();
  const keys = encrypted ? generateKeyPair() : null;
  try {
    const bound = zmq === null ? await bindZeromqSocket(address, keys) : new LibzmqSocket(zmq, address, keys);
    return new DataSocket(bound, { folder, publicKey: keys?.publicKey ?? '' });
  } catch (error) {
    if (folder !== null) fs.rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function checkHost(host: string, mayLeaveLoopback: boolean): void {
  if (!mayLeaveLoopback && !isLoopback(host)) {
    const message = `without keys the data plane binds to the loopback only, not to ${host}: start every worker with --keys, or say --insecure on a network that you trust`;
    throw new GantryError('GANTRY_BIND_REFUSED', message);
  }
  if (!WILDCARDS.has(host)) return;
  const message = `${host} is no address that others can connect to: name one of this machine's own`;
  throw new GantryError('GANTRY_BIND_REFUSED', message);
}

function isLoopback(host: string): boolean {
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) || host === 'localhost' || host === '[::1]';
}
