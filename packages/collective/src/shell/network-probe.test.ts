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
  await vi.waitFor(() => expect(told.length).toBeGreaterThan(2), { timeout: 60_000 });
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

/** Runs probes whose frames between two members get lost until enough was told: who is not reached, by whom. */
async function toldWithout(
  members: number,
  isLost: (from: number, to: number) => boolean,
  enough: number,
): Promise<Set<string>> {
  const network = new FakeNetwork(members, 1);
  const told: string[] = [];
  const controls = Array.from({ length: members }, () => new ControlWords());
  const probes = controls.map((control, member) => {
    const sockets = network.sockets(member);
    const send: typeof sockets.send = (frame, update, flags) => {
      if (!isLost(member, frame.peer)) sockets.send(frame, update, flags);
    };
    const onUnanswered = (peer: number) => told.push(`${member}: ${peer}`);
    const options = {
      ...COMMON,
      patienceMs: 200,
      onUnanswered,
      sockets: { ...sockets, send },
      members,
      member,
      control,
    };
    return measureNetwork(options);
  });
  while (told.length < enough) {
    while (network.deliver());
    await yieldToEvents();
  }
  for (const control of controls) control.abort();
  await Promise.allSettled(probes);
  return new Set(told);
}

test('whoever nobody reaches is told of by all, and tells of one', async () => {
  expect(await toldWithout(4, (_, to) => to === 2, 8)).toEqual(new Set(['0: 2', '1: 2', '3: 2', '2: 3']));
});

test('two who are not next to each other and do not reach each other are told of', async () => {
  const lost = (from: number, to: number) => from + to === 2 && from !== to;
  expect(await toldWithout(4, lost, 4)).toEqual(new Set(['0: 2', '2: 0']));
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
