import { createSocket } from 'node:dgram';
import type { SshSettings } from '../core/cluster.js';
import { outputOf } from './processes.js';

const SSH_PORT = 22;

/** Address of this machine from which it reaches the first host: what ssh's configuration calls it, by this machine's routes. */
export async function ownAddressTowards({ hosts, configFile }: SshSettings): Promise<string> {
  const name = await addressOf(hosts[0]!.host, configFile);
  return new Promise((resolve) => {
    const socket = createSocket(name.includes(':') ? 'udp6' : 'udp4');
    const end = (address: string): void => {
      socket.close();
      resolve(address);
    };
    // Sends nothing: the kernel only chooses the way.
    socket.once('error', () => end('127.0.0.1'));
    socket.connect(SSH_PORT, name, () => end(socket.address().address));
  });
}

/** What ssh's configuration says that a host's address is. */
export async function addressOf(host: string, configFile: string | null): Promise<string> {
  const config = configFile === null ? [] : ['-F', configFile];
  const printed = await outputOf({ argv: ['ssh', ...config, '-G', host] });
  return /^hostname (.+)$/m.exec(printed)?.[1] ?? host;
}
