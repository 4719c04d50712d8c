import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { CHUNK_FLOATS } from '../constants.js';
import { assignShards } from '../core/assignment.js';
import {
  createFrameHeader,
  encodeFrameHeader,
  FRAME_FLAG_STOP,
  FRAME_HEADER_BYTES,
  FRAME_PARTIAL,
  FRAME_RECEIVED,
  type FrameHeader,
} from '../core/frame.js';
import { jsVectorSum } from '../core/vector-sum.js';
import { ControlWords } from './control-words.js';
import { bindDataSocket } from './data-socket.js';
import { createHostExchange } from './host-exchange.js';
import { HostMemory } from './host-memory.js';
import { createPeerExchange } from './peer-exchange.js';
import { PeerSockets } from './peer-sockets.js';
import { spinMs } from './signal.js';

const plan = {
  members: 2,
  shards: 2,
  stateFloats: 64,
  vectorFloats: { discriminator: 32, generator: 32 },
};
const aborted = expect.objectContaining({ code: 'GANTRY_ABORTED' });
const invalid = expect.objectContaining({ code: 'GANTRY_PROTOCOL_INVALID' });
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

/** A thread that stores a control word a moment after the caller has blocked its own. */
function storeLater(control: ControlWords, word: 0 | 1, value: number): void {
  const source = `const { workerData: [buffer, word, value] } = require('node:worker_threads');
    setTimeout(() => Atomics.store(new Int32Array(buffer), word, value), 50);`;
  new Worker(source, { eval: true, workerData: [control.buffer, word, value] });
}

describe('host exchange', () => {
  function create(): { exchange: ReturnType<typeof createHostExchange>; control: ControlWords; memory: HostMemory } {
    const memory = HostMemory.create(`test-waits-${process.pid}`, plan);
    closing.push(() => memory.close());
    const control = new ControlWords();
    return {
      exchange: createHostExchange({ memory, assignment: assignShards(2, 2), topology: 'direct', member: 0, control }),
      control,
      memory,
    };
  }

  test('an abort from another thread ends a wait for gradients, and one for updates', () => {
    const { exchange, control, memory } = create();
    storeLater(control, 0, 1);
    expect(() => exchange.gather(1, ['discriminator'])).toThrow(aborted);
    control.clear();
    memory.ready[1]!.publish(1);
    expect(exchange.gather(1, ['discriminator'])).toBe('done');
    storeLater(control, 0, 1);
    expect(() => exchange.commit(1)).toThrow(aborted);
  });

  test('a stop from another thread ends a wait; nobody computes that update afterwards', () => {
    const { exchange, control, memory } = create();
    storeLater(control, 1, 0);
    expect(exchange.gather(1, ['discriminator'])).toBe('stopped');
    const late = createHostExchange({
      memory,
      assignment: assignShards(2, 2),
      topology: 'direct',
      member: 1,
      control: new ControlWords(),
    });
    expect(late.gather(1, ['discriminator'])).toBe('stopped');
  });

  test('an update that everybody is ready for is done in spite of a stop', () => {
    const { exchange, memory, control } = create();
    memory.ready[1]!.publish(1);
    expect(exchange.gather(1, ['discriminator'])).toBe('done');
    control.stopAfter(0);
    const other = createHostExchange({
      memory,
      assignment: assignShards(2, 2),
      topology: 'direct',
      member: 1,
      control,
    });
    expect(other.gather(1, ['discriminator'])).toBe('done');
  });

  test('waiters poll only where they have cores to themselves', () => {
    expect(spinMs(3, 2)).toBe(0);
    expect(spinMs(2, 2)).toBeGreaterThan(0);
  });
});

describe('peer exchange', () => {
  /**
   * One of two members as an exchange, and the other as a socket that sends what a test likes: member 0 as the exchange, or
   * member 1 as a hub without shards.
   */
  async function create({ hub = false } = {}) {
    const member = hub ? 1 : 0;
    const floats = hub ? 2 * CHUNK_FLOATS : 32;
    const [own, peer] = [await bindDataSocket('tcp'), await bindDataSocket('tcp')];
    const sockets = new PeerSockets(own, hub ? [peer.endpoint, null] : [null, peer.endpoint]);
    const raw = new PeerSockets(peer, hub ? [null, own.endpoint] : [own.endpoint, null]);
    closing.push(
      () => sockets.close(),
      () => raw.close(),
    );
    const control = new ControlWords();
    const vectorFloats = { discriminator: floats, generator: floats };
    const memory = HostMemory.private({ ...plan, vectorFloats, shards: hub ? 0 : 1 });
    const assignment = assignShards(2, 2, hub ? member : null);
    const common = { memory, assignment, topology: hub ? 'star' : 'direct', member, control, sockets } as const;
    const exchange = createPeerExchange({ ...common, sum: jsVectorSum, run: 5n, generation: 2 });
    const send = (fields: Partial<FrameHeader>, length = 32, value = 3) => {
      const bytes = new ArrayBuffer(FRAME_HEADER_BYTES);
      const whole = {
        run: 5n,
        generation: 2,
        sender: 1 - member,
        nodeStart: hub ? 0 : 1,
        nodeEnd: 2,
        length: 32,
        kind: FRAME_PARTIAL,
      } as const;
      encodeFrameHeader({ ...createFrameHeader(), ...whole, ...fields }, new DataView(bytes));
      const payload = length === 0 ? null : Buffer.from(new Float32Array(length).fill(value).buffer);
      raw.send(
        { peer: member, header: Buffer.from(bytes), fields: new DataView(bytes), payload },
        fields.update ?? 1,
        fields.flags ?? 0,
      );
      while (raw.poll !== null && !raw.isIdle) raw.poll(10);
    };
    /** Bytes that are no frame of Gantry's, as any program that can reach the socket may send. */
    const sendJunk = (header: readonly number[], payload: readonly number[] | null) => {
      const fields = new DataView(new ArrayBuffer(FRAME_HEADER_BYTES));
      const bytes = payload === null ? null : Buffer.from(payload);
      raw.send({ peer: member, header: Buffer.from(header), fields, payload: bytes }, 0, 0);
      while (raw.poll !== null && !raw.isIdle) raw.poll(10);
    };
    /** The update of the next frame that comes to member 1. */
    const received = async (): Promise<number> => {
      let update = 0;
      raw.setReceiver({
        isOwn: () => true,
        countStale: () => {},
        place: (header) => new Float32Array(header.length),
        accept: (header) => {
          update = header.update;
        },
        acceptEmpty: () => {},
        fail: (error) => {
          throw error;
        },
      });
      while (update === 0) {
        raw.poll?.(10);
        // A frame that found no connection yet leaves with the next poll.
        sockets.poll?.(0);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return update;
    };
    /** Lets the exchange's socket take what has come. */
    const takeWhatCame = async (): Promise<void> => {
      if (sockets.poll === null) await new Promise((resolve) => setTimeout(resolve, 100));
      else sockets.poll(1_000);
    };
    return { exchange, control, send, sendJunk, received, takeWhatCame };
  }
  const gather = async (exchange: Awaited<ReturnType<typeof create>>['exchange']) =>
    exchange.gather(1, ['discriminator']);

  test('frames of other runs, generations and past updates, and those of no run, are dropped and counted', async () => {
    const { exchange, send, sendJunk } = await create();
    exchange.partial('discriminator', 0).fill(1);
    send({ run: 6n });
    send({ run: 6n, sender: 9, kind: FRAME_RECEIVED }, 3);
    send({ generation: 1 });
    send({ update: 0 });
    sendJunk([1, 2], null);
    sendJunk([1, 2], [3, 4]);
    sendJunk(
      Array.from({ length: FRAME_HEADER_BYTES }, () => 7),
      [3],
    );
    send({});
    expect(await gather(exchange)).toBe('done');
    expect(exchange.reduceInputs('discriminator')[0]).toEqual(new Float32Array(32).fill(4));
    // One that came before the first gather waited for it; whether it was counted then or on arrival is the same.
    expect(exchange.counters.staleFrames).toBe(7);
  });

  test.each([
    ['a subtree of nobody', { nodeStart: 7 }],
    ['a negative subtree', { nodeStart: -1 }],
    ['a subtree of somebody else', { nodeStart: 0, nodeEnd: 1 }],
    ['a subtree of another length', { nodeEnd: 3 }],
    ['a chunk off the grid', { offset: 4 }],
    ['a chunk beyond the vector', { offset: 1 << 30 }],
    ['a length beyond the vector', { length: 1 << 30 }],
    ['a negative length', { length: -1 }],
    ['a sender out of range', { sender: 9 }],
    ['itself as sender', { sender: 0 }],
    ['a network that is not updated', { network: 1 }],
    ['a network that there is not', { network: 99 }],
    ['an update far ahead', { update: 5 }],
    ['a sum that nobody owes', { kind: 2 }],
  ] as [string, Partial<FrameHeader>][])('a frame with %s is an error', async (_, fields) => {
    const { exchange, send } = await create();
    send(fields);
    await expect(gather(exchange)).rejects.toThrow(invalid);
  });

  test('a payload of another size, and a chunk that comes twice, are errors', async () => {
    const first = await create();
    first.send({}, 31);
    await expect(gather(first.exchange)).rejects.toThrow(invalid);
    const second = await create();
    second.send({});
    second.send({});
    await expect(gather(second.exchange).then(() => second.exchange.commit(1))).rejects.toThrow(invalid);
  });

  test('an abort from another thread ends a wait for gradients', async () => {
    const { exchange, control } = await create();
    storeLater(control, 0, 1);
    await expect(gather(exchange)).rejects.toThrow(aborted);
  });

  test('publish sends and waits for nobody; gather then waits', async () => {
    const { exchange, send, received } = await create();
    exchange.partial('discriminator', 0).fill(1);
    exchange.publish(1, ['discriminator']);
    expect(await received()).toBe(1);
    send({});
    expect(await gather(exchange)).toBe('done');
    expect(exchange.reduceInputs('discriminator')[0]).toEqual(new Float32Array(32).fill(4));
  });

  test('a hub finishes once what has all come before it begins', async () => {
    const { exchange, send, takeWhatCame } = await create({ hub: true });
    const sendAll = (update: number, value: number) => {
      for (const offset of [0, CHUNK_FLOATS]) send({ update, offset, length: CHUNK_FLOATS }, CHUNK_FLOATS, value);
    };
    sendAll(1, 3);
    await takeWhatCame();
    expect(await gather(exchange)).toBe('done');
    const [sum] = exchange.reduceInputs('discriminator');
    expect(sum).toEqual(new Float32Array(2 * CHUNK_FLOATS).fill(3));
    // The other one is ahead: its next partials come before it says that it has the sums.
    sendAll(2, 4);
    send({ kind: FRAME_RECEIVED }, 0);
    expect(await exchange.commit(1)).toBe('done');
    expect(await exchange.gather(2, ['discriminator'])).toBe('done');
    expect(sum).toEqual(new Float32Array(2 * CHUNK_FLOATS).fill(4));
  });

  test('a stop ends when the other has all that it needs to stop too', async () => {
    const early = await create();
    early.send({ flags: FRAME_FLAG_STOP });
    storeLater(early.control, 0, 1);
    await expect(gather(early.exchange)).rejects.toThrow(aborted);
    const { exchange, send } = await create();
    exchange.publish(1, ['discriminator']);
    send({ flags: FRAME_FLAG_STOP });
    send({ kind: FRAME_RECEIVED }, 0);
    expect(await gather(exchange)).toBe('stopped');
  });

  test('a bound socket closes though its connections were left to it', async () => {
    const [own, peer] = [await bindDataSocket('tcp'), await bindDataSocket('tcp')];
    own.connect([null, peer.endpoint]);
    own.close();
    peer.close();
  });

  test('binding off the loopback is refused', async () => {
    await expect(bindDataSocket('tcp', { host: '0.0.0.0' })).rejects.toThrow(
      expect.objectContaining({ code: 'GANTRY_BIND_REFUSED' }),
    );
  });
});
