import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { GantryError } from '@gantry/common';
import { Context, Pull } from 'zeromq';
import { DATA_HIGH_WATER_MARK, DATA_MESSAGE_BYTES_MAX } from '../constants.js';

export interface DataSocketOptions {
  /** tcp: address to bind to. Anything but the loopback is refused until there are keys. @default '127.0.0.1' */
  readonly host?: string;
}

/** A bound, receiving data socket. Nothing is read from it before `PeerSockets` are made of it. */
export interface DataSocket {
  /** What peers connect to: `ipc:///…` or `tcp://127.0.0.1:PORT`. */
  readonly endpoint: string;
  readonly context: Context;
  readonly pull: Pull;
  /** Idempotent; also removes what ipc left in the file system. */
  close(): void;
}

/**
 * Binds this member's end of the data plane, early, so that its endpoint can be announced.
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
  const context = new Context({ blocky: false });
  const pull = new Pull({
    context,
    linger: 0,
    maxMessageSize: DATA_MESSAGE_BYTES_MAX,
    receiveHighWaterMark: DATA_HIGH_WATER_MARK,
  });
  const close = () => {
    pull.close();
    if (folder !== null) fs.rmSync(folder, { recursive: true, force: true });
  };
  try {
    await pull.bind(folder === null ? `tcp://${host}:*` : `ipc://${folder}/data`);
  } catch (cause) {
    close();
    throw new GantryError(
      'GANTRY_TRANSPORT_FAILED',
      `cannot bind a data socket for ${transport}: ${(cause as Error).message}`,
      { cause },
    );
  }
  return { endpoint: pull.lastEndpoint!, context, pull, close };
}

function isLoopback(host: string): boolean {
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) || host === 'localhost' || host === '[::1]';
}
