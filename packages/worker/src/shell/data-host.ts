import dgram from 'node:dgram';
import type { DataSocketOptions } from '@gantry/collective';
import { GantryError } from '@gantry/common';

/**
 * Where a worker binds its data socket. With keys it is encrypted, and bound where the others reach this machine: at the address
 * from which it reaches the coordinator, unless another is named. Without, on the loopback.
 */
export async function dataSocketOptions(options: {
  readonly endpoint: string;
  readonly keys: object | null;
  readonly dataHost: string | undefined;
}): Promise<DataSocketOptions> {
  if (options.keys === null) return options.dataHost === undefined ? {} : { host: options.dataHost };
  return { host: options.dataHost ?? (await localAddress(options.endpoint)), encrypted: true };
}

/** The address of this machine on the way to `endpoint`; nothing is sent. */
async function localAddress(endpoint: string): Promise<string> {
  const [, host = '', port = ''] = /^tcp:\/\/(.*):(\d+)$/.exec(endpoint) ?? [];
  const name = host.replace(/^\[|\]$/g, '');
  const socket = dgram.createSocket(name.includes(':') ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(Number(port), name, resolve);
    });
    const { address, family } = socket.address();
    return family === 'IPv6' ? `[${address}]` : address;
  } catch (cause) {
    const message = `cannot tell from which address this machine reaches ${host} (${(cause as Error).message}); name it with --data-host`;
    throw new GantryError('GANTRY_TRANSPORT_FAILED', message, { cause });
  } finally {
    socket.close();
  }
}
