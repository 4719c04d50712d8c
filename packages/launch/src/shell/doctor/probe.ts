import { createServer, connect as open, type Server, type Socket } from 'node:net';
import { GantryError } from '@gantry/common';

/** Round trips of one byte; the fastest counts. */
const PINGS = 20;
/** Sent to measure the bandwidth: 8 MiB take 70 ms at 1 Gbit/s, and 6.7 s at 10 Mbit/s. */
const BYTES = 8 << 20;
const CHUNK = Buffer.alloc(64 << 10, 1);
/** A connection that does not come about within this time is blocked, in milliseconds. */
const CONNECT_MS = 5_000;
/** A whole probe, in milliseconds. */
const PROBE_MS = 60_000;

/** A network path, one way of opening it. */
export interface ProbeResult {
  /** Half of the fastest round trip. */
  readonly latencyMs: number;
  readonly megabitsPerSecond: number;
}

/**
 * Answers probes until it is closed: every byte of the first {@link PINGS} is echoed, then everything is swallowed, and its end
 * is acknowledged by a byte.
 */
export async function listenForProbes(port: number): Promise<{ port: number; close(): void }> {
  const server = createServer({ allowHalfOpen: true }, answer);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(portTaken(port, cause)));
    server.listen(port, () => resolve());
  });
  return { port: (server.address() as { port: number }).port, close: () => closeAll(server) };
}

function answer(socket: Socket): void {
  let seen = 0;
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    const pings = Math.max(0, Math.min(bytes.length, PINGS - seen));
    if (pings > 0) socket.write(bytes.subarray(0, pings));
    seen += bytes.length;
  });
  socket.on('end', () => socket.end(Buffer.of(1)));
}

function closeAll(server: Server): void {
  server.close();
  server.unref();
}

function portTaken(port: number, cause: Error): GantryError {
  return new GantryError('GANTRY_TRANSPORT_FAILED', `cannot listen on port ${port}: ${cause.message}`, { cause });
}

/** Measures the way to a listener. @throws GantryError GANTRY_TRANSPORT_FAILED saying whether it is refused, silent or cut */
export async function probe(host: string, port: number): Promise<ProbeResult> {
  const socket = open({ host, port, noDelay: true });
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${CONNECT_MS / 1000} s`)), CONNECT_MS);
  try {
    return await new Promise<ProbeResult>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the connection was closed')));
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.setTimeout(PROBE_MS, () => socket.destroy(new Error('the connection hangs')));
        measure(socket).then(resolve, reject);
      });
    });
  } catch (cause) {
    const message = `${host}:${port} cannot be reached: ${(cause as Error).message}`;
    throw new GantryError('GANTRY_TRANSPORT_FAILED', message, { cause });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function measure(socket: Socket): Promise<ProbeResult> {
  let roundTripMs = Number.POSITIVE_INFINITY;
  for (let ping = 0; ping < PINGS; ping++) {
    const started = performance.now();
    socket.write(Buffer.of(0));
    await nextByte(socket);
    roundTripMs = Math.min(roundTripMs, performance.now() - started);
  }
  const started = performance.now();
  for (let sent = 0; sent < BYTES; sent += CHUNK.length) {
    if (!socket.write(CHUNK)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.end();
  await nextByte(socket);
  const seconds = (performance.now() - started - roundTripMs / 2) / 1000;
  return { latencyMs: roundTripMs / 2, megabitsPerSecond: (BYTES * 8) / 1e6 / Math.max(seconds, 1e-6) };
}

function nextByte(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('data', resolve));
}
