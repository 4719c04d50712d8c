import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createFrameHeader, encodeFrameHeader, FRAME_HEADER_BYTES, FRAME_RECEIVED } from '../core/frame.js';
import { FakeNetwork } from '../testing/fake-network.js';
import { ControlWords } from './control-words.js';
import { bindDataSocket } from './data-socket.js';
import { measureNetwork } from './network-probe.js';
import { PeerSockets } from './peer-sockets.js';

const COMMON = { next: 'the next one', run: 3n, generation: 2, update: 6 };

describe('on any order of delivery', () => {
  test.each([2, 3, 5])('%i members end with the same numbers, and nothing on its way', async (members) => {
    for (let seed = 0; seed < 5; seed++) {
      const network = new FakeNetwork(members, seed);
      const probes = Promise.all(
        Array.from({ length: members }, (_, member) =>
          measureNetwork({ ...COMMON, sockets: network.sockets(member), members, member, control: new ControlWords() }),
        ),
      );
      let isDone = false;
      const ended = probes.finally(() => {
        isDone = true;
      });
      while (!isDone) {
        while (network.deliver());
        await yieldToEvents();
      }
      const results = await ended;
      expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
      expect(results[0]!.latencyUs).toBeGreaterThan(0);
      expect(results[0]!.kilobytesPerSecond).toBeGreaterThan(0);
      expect(network.deliver()).toBe(false);
    }
  });
});

test('an abort ends it', async () => {
  const control = new ControlWords();
  const sockets = new FakeNetwork(2, 1).sockets(0);
  const probe = measureNetwork({ ...COMMON, sockets, members: 2, member: 0, control });
  control.abort();
  await expect(probe).rejects.toMatchObject({ code: 'GANTRY_ABORTED' });
});

test('what does not belong is an error', async () => {
  const control = new ControlWords();
  const network = new FakeNetwork(2, 1);
  const probe = measureNetwork({ ...COMMON, sockets: network.sockets(0), members: 2, member: 0, control });
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  const fields = {
    ...createFrameHeader(),
    run: 3n,
    generation: 2,
    sender: 1,
    kind: FRAME_RECEIVED,
    nodeStart: 3,
  } as const;
  encodeFrameHeader(fields, new DataView(header.buffer, header.byteOffset, header.byteLength));
  network.inject(1, 0, { header, payload: null });
  // Nothing was sent yet that could have arrived.
  const deliverAll = (): void => {
    while (network.deliver());
  };
  expect(deliverAll).toThrow(/malformed/);
  control.abort();
  await expect(probe).rejects.toMatchObject({ code: 'GANTRY_ABORTED' });
});

describe.each(['on', 'off'] as const)('over tcp, GANTRY_LIBZMQ=%s', (libzmq) => {
  afterEach(() => vi.unstubAllEnvs());

  test('three members agree', async () => {
    vi.stubEnv('GANTRY_LIBZMQ', libzmq);
    const bound = await Promise.all(Array.from({ length: 3 }, () => bindDataSocket('tcp')));
    const sockets = bound.map(
      (socket, member) =>
        new PeerSockets(
          socket,
          bound.map(({ endpoint }, index) => (index === member ? null : endpoint)),
        ),
    );
    const results = await Promise.all(
      sockets.map((one, member) =>
        measureNetwork({ ...COMMON, sockets: one, members: 3, member, control: new ControlWords() }),
      ),
    );
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    for (const one of sockets) one.close(false);
  });
});
