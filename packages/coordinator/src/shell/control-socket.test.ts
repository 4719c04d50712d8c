import net from 'node:net';
import { encodeEnvelope } from '@gantry/common';
import { expect, it } from 'vitest';
import { PEERS_MAX } from './constants.js';
import { ControlSocket } from './control-socket.js';

const BYE = encodeEnvelope({ runId: 'run', generation: 0, update: 0, body: { kind: 'bye' } });
const BATCH = 64;

/** ZMTP 3.0 without encryption, as a DEALER says it. */
function handshake(): Buffer {
  const head = Buffer.alloc(64);
  head.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0]);
  head.write('NULL', 12);
  const ready = Buffer.from('\x05READY\x0bSocket-Type\0\0\0\x06DEALER', 'latin1');
  return Buffer.concat([head, Buffer.from([0x04, ready.length]), ready]);
}

/** Somebody who says nothing, in one message. */
function stranger(port: number): net.Socket {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  socket.write(handshake());
  socket.on('data', (bytes) => {
    // The other half of the handshake: before it no message is taken.
    if (bytes.includes('READY')) socket.write(Buffer.alloc(2));
  });
  return socket;
}

it('remembers no more strangers than its bound, and lets go the one that came first', async () => {
  const peers: string[] = [];
  const socket = await ControlSocket.open({
    ...{ bind: 'tcp://127.0.0.1:0', insecure: false },
    onFrame: (peer) => peers.push(peer),
    onGone: () => {},
    // The first is somebody: it stays, however many come.
    probe: (peer) => (peer === peers[0] ? BYE : null),
  });
  const port = Number(socket.endpoint.split(':').at(-1));
  const sockets: net.Socket[] = [];
  const connect = async (count: number): Promise<void> => {
    const wanted = peers.length + count;
    sockets.push(...Array.from({ length: count }, () => stranger(port)));
    await expect.poll(() => peers.length, { interval: 5 }).toBe(wanted);
  };
  try {
    await connect(1);
    await connect(1);
    while (peers.length < PEERS_MAX) {
      await connect(Math.min(BATCH, PEERS_MAX - peers.length));
      // They go again, and are remembered all the same; the first two stay.
      for (const one of sockets.splice(2)) one.resetAndDestroy();
    }
    const [first, second] = peers as [string, string];
    expect(await socket.send(second, BYE)).toBe(true);
    await connect(1);
    expect(await socket.send(second, BYE)).toBe(false);
    expect(await socket.send(first, BYE)).toBe(true);
  } finally {
    for (const one of sockets) one.resetAndDestroy();
    await socket.close();
  }
});
