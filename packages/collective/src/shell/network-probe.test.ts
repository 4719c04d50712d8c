import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createFrameHeader, encodeFrameHeader, FRAME_HEADER_BYTES, FRAME_RECEIVED } from '../core/frame.js';
import { FakeNetwork } from '../testing/fake-network.js';
import { ControlWords } from './control-words.js';
import { bindDataSocket } from './data-socket.js';
import { measureNetwork } from './network-probe.js';
import { PeerSockets } from './peer-sockets.js';

const COMMON = { patienceMs: 60_000, onUnanswered: () => {}, run: 3n, generation: 2, update: 6 };

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

test('who does not answer is told of again and again, and waited for', async () => {
  const control = new ControlWords();
  const network = new FakeNetwork(2, 1);
  const told: number[] = [];
  const options = { ...COMMON, patienceMs: 5, onUnanswered: (member: number) => told.push(member) };
  const probe = measureNetwork({ ...options, sockets: network.sockets(0), members: 2, member: 0, control });
  await vi.waitFor(() => expect(told.length).toBeGreaterThan(2));
  expect(new Set(told)).toEqual(new Set([1]));
  const other = measureNetwork({ ...COMMON, sockets: network.sockets(1), members: 2, member: 1, control });
  let isDone = false;
  const ended = Promise.all([probe, other]).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    while (network.deliver());
    await yieldToEvents();
  }
  expect((await ended)[0]!.latencyUs).toBeGreaterThan(0);
});

test('who is measured itself waits for the others without a word: they have next ones of their own', async () => {
  const network = new FakeNetwork(3, 1);
  const told: string[] = [];
  const controls = [0, 1, 2].map(() => new ControlWords());
  const start = (member: number) =>
    measureNetwork({
      ...{ ...COMMON, patienceMs: 300, onUnanswered: (peer: number) => told.push(`${member}: ${peer}`) },
      ...{ sockets: network.sockets(member), members: 3, member, control: controls[member]! },
    });
  // Member 2 is not there: member 0 hears from its next one, member 1 does not.
  const probes = [start(0), start(1)];
  while (told.length < 3) {
    while (network.deliver());
    await yieldToEvents();
  }
  expect(new Set(told)).toEqual(new Set(['1: 2']));
  for (const control of controls) control.abort();
  for (const { status } of await Promise.allSettled(probes)) expect(status).toBe('rejected');
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
