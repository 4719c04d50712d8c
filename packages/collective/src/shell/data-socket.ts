import fs from 'node:fs';
import { GantryError } from '@gantry/common';
import 'zeromq';
import { cleanStaleDataFolders, makeDataFolder } from './data-folder.js';
import type { BoundDataSocket, DataLink } from './data-link.js';
import { loadLibzmq } from './libzmq.js';
import { LibzmqSocket } from './libzmq-link.js';
import { bindZeromqSocket } from './zeromq-link.js';

export interface DataSocketOptions {
  /** tcp: address to bind to. Anything but the loopback is refused until there are keys. @default '127.0.0.1' */
  readonly host?: string;
}

const ENDPOINT_PATTERN = /^(ipc:\/\/\/\S+|tcp:\/\/\S+:\d{1,5})$/;

/** This member's end of the data plane, bound, so that its endpoint can be announced. */
export class DataSocket {
  /** What peers connect to: `ipc:///…` or `tcp://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** Where an ipc endpoint lies; null for tcp. */
  readonly folder: string | null;
  readonly #bound: BoundDataSocket;
  #hasName: boolean;
  #isClosed = false;

  constructor(bound: BoundDataSocket, folder: string | null) {
    this.endpoint = bound.endpoint;
    this.#bound = bound;
    this.folder = folder;
    this.#hasName = folder !== null;
  }

  /** @throws GantryError GANTRY_TRANSPORT_FAILED for an endpoint that is none. */
  connect(endpoints: readonly (string | null)[]): DataLink {
    for (const endpoint of endpoints) {
      if (endpoint === null || ENDPOINT_PATTERN.test(endpoint)) continue;
      throw new GantryError('GANTRY_TRANSPORT_FAILED', `${JSON.stringify(endpoint)} is not an ipc or tcp endpoint`);
    }
    return this.#bound.connect(endpoints);
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
 * @throws GantryError GANTRY_BIND_REFUSED off the loopback; GANTRY_TRANSPORT_FAILED if the system refuses.
 */
export async function bindDataSocket(transport: 'ipc' | 'tcp', options: DataSocketOptions = {}): Promise<DataSocket> {
  const host = options.host ?? '127.0.0.1';
  if (transport === 'tcp' && !isLoopback(host)) {
    throw new GantryError(
      'GANTRY_BIND_REFUSED',
      `the data plane has no encryption yet and binds to the loopback only, not to ${host}`,
    );
  }
  const folder = transport === 'ipc' ? makeDataFolder() : null;
  const address = folder === null ? `tcp://${host}:*` : `ipc://${folder}/data`;
  const zmq = loadLibzmq();
  try {
    return new DataSocket(zmq === null ? await bindZeromqSocket(address) : new LibzmqSocket(zmq, address), folder);
  } catch (error) {
    if (folder !== null) fs.rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function isLoopback(host: string): boolean {
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) || host === 'localhost' || host === '[::1]';
}
