import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { listenForProbes, probe } from './probe.js';

it('measures a way, several at a time', async () => {
  const listener = await listenForProbes(0);
  const results = await Promise.all([probe('127.0.0.1', listener.port), probe('127.0.0.1', listener.port)]);
  for (const { latencyMs, megabitsPerSecond } of results) {
    expect(latencyMs).toBeGreaterThan(0);
    expect(megabitsPerSecond).toBeGreaterThan(1);
  }
  listener.close();
});

it('says that a port is closed, or already taken', async () => {
  const listener = await listenForProbes(0);
  await expect(listenForProbes(listener.port)).rejects.toThrow(/cannot listen on port \d+: .*EADDRINUSE/);
  listener.close();
  const server = createServer().listen(0);
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  await expect(probe('127.0.0.1', port)).rejects.toMatchObject({
    code: 'GANTRY_TRANSPORT_FAILED',
    message: expect.stringMatching(/127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/),
  });
});

it('says that what listens there hangs up', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0);
  const { port } = server.address() as { port: number };
  await expect(probe('127.0.0.1', port)).rejects.toThrow(/cannot be reached/);
  server.close();
});
