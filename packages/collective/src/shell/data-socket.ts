import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { GantryError } from '@gantry/common';
import 'zeromq';
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
  readonly #bound: BoundDataSocket;
  readonly #folder: string | null;
  #isClosed = false;

  constructor(bound: BoundDataSocket, folder: string | null) {
    this.endpoint = bound.endpoint;
    this.#bound = bound;
    this.#folder = folder;
  }

  /** @throws GantryError GANTRY_TRANSPORT_FAILED for an endpoint that is none. */
  connect(endpoints: readonly (string | null)[]): DataLink {
    for (const endpoint of endpoints) {
      if (endpoint === null || ENDPOINT_PATTERN.test(endpoint)) continue;
      throw new GantryError('GANTRY_TRANSPORT_FAILED', `${JSON.stringify(endpoint)} is not an ipc or tcp endpoint`);
    }
    return this.#bound.connect(endpoints);
  }

  /** Idempotent; also removes what ipc left in the file system. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#bound.close();
    if (this.#folder !== null) fs.rmSync(this.#folder, { recursive: true, force: true });
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
  // Mode 0700, by mkdtemp: nobody else can reach an ipc endpoint.
  const folder = transport === 'ipc' ? fs.mkdtempSync(path.join(os.tmpdir(), 'gantry-')) : null;
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
