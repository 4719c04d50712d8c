import { once } from 'node:events';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { generateKeyPair } from '@gantry/common/keys';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Push } from 'zeromq';
import { forkMember, type Member } from '../bench/fork-members.js';
import { DATA_MESSAGE_BYTES_MAX } from '../constants.js';
import type { DataSocket } from './data-socket.js';

const GROWTH_BYTES_MAX = 16 << 20;
/** As many as 16 MiB allow, each of which can have one part kept of half a MiB, and what connections cost beside it. */
const STRANGERS = 27;
const MODES = ['on', 'off'] as const;

/** Of this machine, not the loopback's; undefined where it has no network. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

/** ZMTP 3.1 with CURVE, then the beginning of a command of so many bytes. */
function opening(commandBytes: number): Buffer {
  const bytes = Buffer.alloc(64 + 9);
  bytes.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 1]);
  bytes.write('CURVE', 12);
  bytes[64] = 0x06;
  bytes.writeBigUInt64BE(BigInt(commandBytes), 65);
  return bytes;
}

/** Sends as fast as it is taken. */
function pour(socket: net.Socket): void {
  const more = (): void => {
    while (socket.writable && socket.write(Buffer.alloc(1 << 20)));
  };
  socket.on('drain', more);
  more();
}

describe.each(MODES)('a data socket with keys, GANTRY_LIBZMQ=%s', (libzmq) => {
  let bindDataSocket: typeof import('./data-socket.js').bindDataSocket;
  let bound: DataSocket | null = null;
  let pushes: Push[] = [];

  beforeEach(async () => {
    vi.stubEnv('GANTRY_LIBZMQ', libzmq);
    vi.resetModules();
    ({ bindDataSocket } = await import('./data-socket.js'));
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    for (const push of pushes) push.close();
    pushes = [];
    bound?.close();
    bound = null;
  });

  /** Whether the handshake with these keys comes to its end, within so long. */
  async function connects(options: ConstructorParameters<typeof Push>[0], withinMs: number): Promise<boolean> {
    const push = new Push({ linger: 0, reconnectInterval: 20, ...options });
    pushes.push(push);
    return new Promise((resolve) => {
      push.events.on('handshake', () => resolve(true));
      push.events.on('disconnect', () => resolve(false));
      push.connect(bound!.endpoint);
      // Of who does not know the key ZeroMQ drops the first message, and waits; its time limit ends that.
      setTimeout(() => resolve(false), withinMs);
    });
  }

  it('lets in who knows its public key, and nobody else', async () => {
    bound = await bindDataSocket('tcp', { encrypted: true });
    expect(bound.publicKey).toHaveLength(40);
    const { publicKey: curvePublicKey, secretKey: curveSecretKey } = generateKeyPair();
    const own = { curvePublicKey, curveSecretKey };
    expect(await connects({ ...own, curveServerKey: bound.publicKey }, 60_000)).toBe(true);
    expect(await connects({ ...own, curveServerKey: generateKeyPair().publicKey }, 1_000)).toBe(false);
    expect(await connects({}, 1_000)).toBe(false);
    expect(await connects({ plainUsername: 'a', plainPassword: 'b' }, 1_000)).toBe(false);
  });

  describe('and strangers', () => {
    let server: Member;
    let port: number;
    let before: number;
    let strangers: net.Socket[] = [];

    const rss = (): Promise<number> => {
      server.send('rss');
      return server.next<number>();
    };
    const connect = (): net.Socket => {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {});
      strangers.push(socket);
      return socket;
    };

    beforeEach(async () => {
      server = forkMember('testing/data-socket-process.js');
      port = Number((await server.next<string>()).split(':').at(-1));
      await delay(300);
      before = await rss();
    });

    afterEach(() => {
      for (const socket of strangers) socket.destroy();
      strangers = [];
      server.child.kill('SIGKILL');
    });

    it.each([
      ['a command of a gigabyte', 1 << 30],
      ['a command as long as may be, without its last byte', DATA_MESSAGE_BYTES_MAX],
    ])('lets them cost 16 MiB at most: %s', async (_, bytes) => {
      for (let i = 0; i < STRANGERS; i++) {
        const socket = connect();
        socket.write(opening(bytes));
        // One byte less than announced: it has to keep what it got.
        if (bytes === DATA_MESSAGE_BYTES_MAX) socket.write(Buffer.alloc(bytes - 1));
        else pour(socket);
      }
      await delay(1_000);
      expect((await rss()) - before).toBeLessThan(GROWTH_BYTES_MAX);
    });

    it('lets them go, who do not say who they are', async () => {
      const begunMs = performance.now();
      await once(connect().resume(), 'close');
      // Left to itself libzmq takes 30 s, and this 3 s.
      expect(performance.now() - begunMs).toBeLessThan(15_000);
    });
  });

  it('makes a new key each time', async () => {
    bound = await bindDataSocket('tcp', { encrypted: true });
    const other = await bindDataSocket('tcp', { encrypted: true });
    expect(other.publicKey).not.toBe(bound.publicKey);
    other.close();
  });

  it.skipIf(outside === undefined)('binds off the loopback with keys, and only with them', async () => {
    const refused = bindDataSocket('tcp', { host: outside! });
    await expect(refused).rejects.toMatchObject({
      code: 'GANTRY_BIND_REFUSED',
      message: expect.stringMatching(/--keys/),
    });
    bound = await bindDataSocket('tcp', { host: outside!, encrypted: true });
    expect(bound.endpoint).toMatch(new RegExp(`^tcp://${outside!.replaceAll('.', '[.]')}:[0-9]+$`));
  });

  it('refuses an address that nobody can connect to, and members without keys', async () => {
    const wildcard = bindDataSocket('tcp', { host: '0.0.0.0', encrypted: true });
    await expect(wildcard).rejects.toMatchObject({ code: 'GANTRY_BIND_REFUSED' });
    bound = await bindDataSocket('tcp', { encrypted: true });
    expect(() => bound!.connect([null, 'tcp://127.0.0.1:9'], ['', ''])).toThrow(/all workers with --keys, or none/);
    const plain = await bindDataSocket('tcp');
    const connect = () => plain.connect([null, 'tcp://127.0.0.1:9'], ['', bound!.publicKey]);
    expect(connect).toThrow(/all workers with --keys, or none/);
    plain.close();
  });

  it('has no key over ipc, whose folder is of one user', async () => {
    bound = await bindDataSocket('ipc', { encrypted: true });
    expect(bound.publicKey).toBe('');
  });
});
