import dgram from 'node:dgram';
import type { DataSocketOptions } from '@gantry/collective';
import { GantryError } from '@gantry/common';

/**
 * Where a worker binds its data socket. With keys it is encrypted, and bound where the others reach this machine: at the address
 * from which it reaches the coordinator, unless another is named. Without, on the loopback; or there too, in plain, where
 * `insecure` was said.
 */
export async function dataSocketOptions(options: {
  readonly endpoint: string;
  readonly keys: object | null;
  readonly dataHost: string | undefined;
  readonly insecure: boolean;
}): Promise<DataSocketOptions> {
  const { keys, insecure, dataHost, endpoint } = options;
  if (keys === null && !insecure) return dataHost === undefined ? {} : { host: dataHost };
  const host = dataHost ?? (await localAddress(endpoint));
  return keys === null ? { host, insecure } : { host, encrypted: true };
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
