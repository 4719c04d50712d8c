import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { NETWORKS, type NetworkName, type Topology, type WireType } from '@gantry/common';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { assignShards, type ShardAssignment } from '../core/assignment.js';
import { countCommunication } from '../core/communication.js';
import type { GatherResult } from '../core/exchange.js';
import {
  createFrameHeader,
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  FRAME_PARTIAL,
  FRAME_SUM,
  FRAME_WIRES,
  type FrameHeader,
  type FrameKind,
} from '../core/frame.js';
import { jsVectorSum } from '../core/vector-sum.js';
import { roundToWire } from '../core/wire.js';
import { FakeNetwork } from '../testing/fake-network.js';
import { fillAwkward, gradientSeed, referenceSum } from '../testing/reference.js';
import { ControlWords } from './control-words.js';
import { createHostExchange } from './host-exchange.js';
import { HostMemory } from './host-memory.js';
import { createPeerExchange } from './peer-exchange.js';

// Short chunks, and a low bound for whole vectors, so that small vectors have many frames.
vi.mock('../constants.js', async (original) => ({
  ...(await original<typeof import('../constants.js')>()),
  CHUNK_FLOATS: 48,
  WHOLE_VECTOR_FLOATS_MAX: 64,
}));

const RUN = 5n;
const GENERATION = 2;
/** D: chunks and an odd rest; G: short, and not a multiple of a cache line. */
const VECTOR_FLOATS = { discriminator: 597, generator: 21 };
const UPDATES: readonly (readonly NetworkName[])[] = [['discriminator'], ['generator'], NETWORKS, NETWORKS];
const TOPOLOGIES = ['direct', 'halving', 'star'] as const;
const WIRES = ['fp32', 'bf16', 'fp16'] as const;

interface Case {
  readonly topology: Topology;
  readonly wire: WireType;
  readonly assignment: ShardAssignment;
  readonly seed: number;
  /** By member: the update after which it asks to stop. */
  readonly stops?: Readonly<Record<number, number>>;
}

class Members {
  readonly network: FakeNetwork;
  readonly controls: readonly ControlWords[];
  readonly exchanges: readonly ReturnType<typeof createPeerExchange>[];
  readonly #which: Case;

  constructor(which: Case) {
    const { topology, wire, assignment, seed, stops = {} } = which;
    const count = assignment.members.length;
    this.#which = which;
    this.network = new FakeNetwork(count, seed);
    this.controls = Array.from({ length: count }, () => new ControlWords());
    for (const [member, update] of Object.entries(stops)) this.controls[Number(member)]!.stopAfter(update);
    this.exchanges = assignment.members.map(({ start, end }, member) =>
      createPeerExchange({
        memory: HostMemory.private({ members: 1, shards: end - start, stateFloats: 0, vectorFloats: VECTOR_FLOATS }),
        assignment,
        topology,
        wire,
        member,
        control: this.controls[member]!,
        sockets: this.network.sockets(member),
        sum: jsVectorSum,
        run: RUN,
        generation: GENERATION,
      }),
    );
  }

  /** Runs all updates on all members, each at its own pace; what every member summed, and how it ended. */
  async run(): Promise<{ sums: Float32Array[]; last: GatherResult }[]> {
    const runs = Promise.all(this.exchanges.map((_, member) => this.#runMember(member)));
    let isDone = false;
    const ended = runs.finally(() => {
      isDone = true;
    });
    ended.catch(() => {});
    while (!isDone) {
      for (let count = 0; count < 20 && this.network.deliver(); count++);
      await yieldToEvents();
    }
    return ended;
  }

  async #runMember(member: number): Promise<{ sums: Float32Array[]; last: GatherResult }> {
    const exchange = this.exchanges[member]!;
    const own = this.#which.assignment.members[member]!;
    const sums: Float32Array[] = [];
    for (let update = 1; update <= UPDATES.length; update++) {
      const networks = UPDATES[update - 1]!;
      for (const network of networks) {
        for (let shard = own.start; shard < own.end; shard++)
          fill(exchange.partial(network, shard), { update, network, shard });
      }
      if ((await exchange.gather(update, networks)) === 'stopped') return { sums, last: 'stopped' };
      for (const network of networks) sums.push(exchange.reduceInputs(network)[0]!.slice());
      await exchange.commit(update);
    }
    return { sums, last: 'done' };
  }
}

function fill(gradient: Float32Array, of: { update: number; network: NetworkName; shard: number }): void {
  fillAwkward(gradient, gradientSeed({ ...of, network: NETWORKS.indexOf(of.network) }));
  // What is special must arrive as it left.
  gradient[of.shard % 7] = of.shard % 2 === 0 ? -0 : 1e-41;
  if (of.update === 3) gradient[9] = of.shard === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
}

/** Where two lists of vectors differ first; NaN is NaN, whatever its bits. */
function differing(actual: readonly Float32Array[], expected: readonly Float32Array[]): string | null {
  if (actual.length !== expected.length) return `${actual.length} vectors`;
  for (let which = 0; which < expected.length; which++) {
    const [a, b] = [actual[which]!, expected[which]!];
    const at = b.findIndex((value, index) => !Object.is(value, a[index]));
    if (at >= 0) return `vector ${which}, float ${at}: ${a[at]}, not ${b[at]}`;
  }
  return null;
}

const references = new Map<string, Float32Array[]>();
/** The sums of all updates, one scalar addition after the other. */
function expectedSums(shards: number, wire: WireType): Float32Array[] {
  const key = `${shards} ${wire}`;
  const known = references.get(key);
  if (known !== undefined) return known;
  const sums = UPDATES.flatMap((networks, index) =>
    networks.map((network) => {
      const gradients = Array.from({ length: shards }, (_, shard) => {
        const gradient = new Float32Array(VECTOR_FLOATS[network]);
        fill(gradient, { update: index + 1, network, shard });
        roundToWire(gradient, wire);
        return gradient;
      });
      return referenceSum(gradients);
    }),
  );
  references.set(key, sums);
  return sums;
}

/** Contiguous ranges, as uneven as the seed likes; some members may own nothing. */
function unevenShards(shards: number, members: number, seed: number): ShardAssignment {
  const cuts = Array.from(
    { length: members - 1 },
    (_, index) => Math.imul(seed * 31 + index * 17 + 7, 0x9e3779b1) >>> 0,
  )
    .map((value) => value % (shards + 1))
    .sort((a, b) => a - b);
  const bounds = [0, ...cuts, shards];
  const ranges = Array.from({ length: members }, (_, member) => ({ start: bounds[member]!, end: bounds[member + 1]! }));
  return { shards, members: ranges, hub: null };
}

/** Every assignment of S shards to some members: even, and uneven; with a hub for a star. */
function assignments(topology: Topology, shards: number): ShardAssignment[] {
  const found: ShardAssignment[] = [];
  for (let members = 1; members <= 9; members++) {
    if (topology === 'star') found.push(assignShards(shards, members + 1, members % 2 === 0 ? 0 : members));
    else {
      found.push(assignShards(shards, members));
      found.push(unevenShards(shards, members, members + 100 * shards));
    }
  }
  return found;
}

describe.each(TOPOLOGIES)('topology %s', (topology) => {
  describe.each(WIRES)('with %s gradients', (wire) => {
    test.each([1, 2, 3, 4, 7, 8, 16])(
      '%i shards have the bits of the scalar tree sum on all members',
      async (shards) => {
        const expected = expectedSums(shards, wire);
        let seed = shards;
        for (const assignment of assignments(topology, shards)) {
          const members = new Members({ topology, wire, assignment, seed: seed++ });
          const about = JSON.stringify({ ...assignment, seed: seed - 1 });
          for (const { sums, last } of await members.run()) {
            expect({ about, last, wrong: differing(sums, expected) }).toEqual({ about, last: 'done', wrong: null });
          }
          for (const { counters } of members.exchanges) expect(counters.staleFrames).toBe(0);
        }
      },
    );
  });

  test('members that are asked to stop, one or several, stop all before the same update', async () => {
    const expected = expectedSums(7, 'fp32');
    for (let seed = 0; seed < 40; seed++) {
      const count = 2 + (seed % 6);
      const hub = topology === 'star' ? count : null;
      const assignment = assignShards(7, hub === null ? count : count + 1, hub);
      const asked = seed % count;
      const stops = seed % 3 === 0 ? { [asked]: 2, [(asked + 1) % count]: 2 } : { [asked]: 2 };
      for (const report of await new Members({ topology, wire: 'fp32', assignment, seed, stops }).run()) {
        expect(report).toEqual({ sums: expected.slice(0, 2), last: 'stopped' });
      }
    }
  });
});

describe('halving', () => {
  /** Payload bytes of one update of D, by member, and how many partners each sends to. */
  async function traffic(shards: number, members: number, wire: WireType) {
    const all = new Members({ topology: 'halving', wire, assignment: assignShards(shards, members), seed: 1 });
    await all.run();
    const { sentBytes, sentFrames } = all.network;
    const partners = sentBytes.map(
      (_, member) => sentFrames.slice(member * members, (member + 1) * members).filter((frames) => frames > 0).length,
    );
    return { sentBytes, partners };
  }
  const networksInAll = { discriminator: 3, generator: 3 };
  const vectorBytes = NETWORKS.reduce((sum, name) => sum + networksInAll[name] * VECTOR_FLOATS[name] * 4, 0);

  test('a power of two of members has log₂ partners each, and sends as few bytes as can be', async () => {
    const { sentBytes, partners } = await traffic(8, 8, 'fp32');
    expect(partners).toEqual(Array.from({ length: 8 }, () => 3));
    // In all: every member sends (n − 1)/n of the vector twice.
    expect(sentBytes.reduce((sum, bytes) => sum + bytes, 0)).toBe(2 * 7 * vectorBytes);
  });

  test('any other number sends no more', async () => {
    for (const members of [3, 5, 6, 7, 9]) {
      const { sentBytes } = await traffic(members, members, 'fp32');
      expect(sentBytes.reduce((sum, bytes) => sum + bytes, 0)).toBe(2 * (members - 1) * vectorBytes);
    }
  });

  test('gradients of single shards travel in half the bytes, sums do not', async () => {
    const four = await traffic(4, 4, 'bf16');
    // Of the first round's half of the vector each way; what follows are sums.
    expect(four.sentBytes.reduce((sum, bytes) => sum + bytes, 0)).toBe(2 * 3 * vectorBytes - 4 * (vectorBytes / 4));
    const shared = await traffic(8, 4, 'bf16');
    expect(shared.sentBytes.reduce((sum, bytes) => sum + bytes, 0)).toBe(2 * 3 * vectorBytes);
  });
});

test('what was sent has left when a member waits for something else than its sockets', () => {
  const queued = { polls: 0 };
  const sockets = {
    poll: () => {
      queued.polls++;
      return false;
    },
    get isIdle() {
      return queued.polls >= 3;
    },
    setReceiver: () => {},
    send: () => {},
  };
  const exchange = createPeerExchange({
    ...{ topology: 'direct', wire: 'fp32', member: 0, run: RUN, generation: GENERATION, sum: jsVectorSum, sockets },
    memory: HostMemory.private({ members: 1, shards: 1, stateFloats: 0, vectorFloats: VECTOR_FLOATS }),
    assignment: assignShards(2, 2),
    control: new ControlWords(),
  });
  exchange.publish(1, ['generator']);
  expect(queued.polls).toBe(0);
  expect(exchange.flush()).toBe('done');
  expect(queued.polls).toBe(3);
});

describe('what is counted from a schedule', () => {
  const cases = TOPOLOGIES.flatMap((topology) =>
    WIRES.flatMap((wire) => [2, 3, 4, 5, 8].map((members) => ({ topology, wire, members }))),
  );
  test.each(cases)('$topology, $wire, $members members: is what is sent', async ({ topology, wire, members }) => {
    const hub = topology === 'star' ? members - 1 : null;
    const assignment = assignShards(8, members, hub);
    const all = new Members({ topology, wire, assignment, seed: 3 });
    await all.run();
    const frames = Array.from({ length: members }, () => 0);
    const bytes = Array.from({ length: members }, () => 0);
    for (const network of UPDATES.flat()) {
      const { members: counted } = countCommunication({ topology, floats: VECTOR_FLOATS[network], assignment, wire });
      counted.forEach(({ sentFrames, sentBytes }, member) => {
        frames[member]! += sentFrames;
        bytes[member]! += sentBytes;
      });
    }
    const sent = (member: number) => all.network.sentFrames.slice(member * members, (member + 1) * members);
    expect(frames).toEqual(frames.map((_, member) => sent(member).reduce((sum, count) => sum + count, 0)));
    expect(bytes).toEqual(all.network.sentBytes);
  });
});

describe('shared memory', () => {
  test.each(WIRES)('one member, and two, round %s gradients as all others do', async (wire) => {
    for (const count of [1, 2]) {
      const assignment = assignShards(4, count);
      const memory = HostMemory.private({ members: count, shards: 4, stateFloats: 0, vectorFloats: VECTOR_FLOATS });
      const exchanges = assignment.members.map((_, member) =>
        createHostExchange({ memory, assignment, topology: 'direct', wire, member, control: new ControlWords() }),
      );
      assignment.members.forEach(({ start, end }, member) => {
        for (let shard = start; shard < end; shard++) {
          fill(memory.partial('discriminator', shard), { update: 1, network: 'discriminator', shard });
        }
        exchanges[member]!.publish(1, ['discriminator']);
      });
      for (const exchange of exchanges) expect(exchange.gather(1, ['discriminator'])).toBe('done');
      expect(referenceSum(exchanges[0]!.reduceInputs('discriminator'))).toEqual(expectedSums(4, wire)[0]);
    }
  });
});

describe('frames that do not belong', () => {
  const invalid = expect.objectContaining({ code: 'GANTRY_PROTOCOL_INVALID' });
  const started: Members[] = [];
  afterEach(() => {
    for (const { controls } of started.splice(0)) for (const control of controls) control.abort();
  });

  /** Member 0 of four that halve, in the update of D; the test plays the others. */
  function create(wire: WireType = 'fp32') {
    const members = new Members({ topology: 'halving', wire, assignment: assignShards(4, 4), seed: 3 });
    started.push(members);
    const [exchange] = members.exchanges;
    const send = (fields: Partial<FrameHeader>, bytes?: number) => {
      const header = {
        ...createFrameHeader(),
        ...{ run: RUN, generation: GENERATION, update: 1, sender: 1, kind: FRAME_PARTIAL as FrameKind },
        ...{ nodeStart: 1, nodeEnd: 2, offset: 0, length: 48, wire: FRAME_WIRES[wire] },
        ...fields,
      };
      const encoded = Buffer.alloc(FRAME_HEADER_BYTES);
      encodeFrameHeader(header, new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength));
      const size = header.length * (header.wire === FRAME_WIRES.fp32 ? 4 : 2);
      members.network.inject(1, 0, { header: encoded, payload: Buffer.alloc(Math.max(0, bytes ?? size)) });
      while (members.network.deliver());
    };
    return { exchange: exchange!, send, members };
  }

  test('those of other runs, generations and past updates are dropped and counted', () => {
    const { exchange, send } = create();
    exchange.publish(1, ['discriminator']);
    send({ run: 6n });
    send({ generation: 1 });
    send({ update: 0 });
    send({ update: -7, wire: FRAME_WIRES.bf16 });
    expect(exchange.counters.staleFrames).toBe(4);
    send({});
    expect(exchange.counters.staleFrames).toBe(4);
  });

  test.each([
    ['a subtree of nobody', { nodeStart: 7 }],
    ['a subtree of somebody else', { nodeStart: 0, nodeEnd: 1 }],
    ['a subtree that another member sends', { nodeStart: 2, nodeEnd: 4 }],
    ['a subtree of another length', { nodeEnd: 3 }],
    ['a chunk off the grid', { offset: 4 }],
    ['a chunk of the half that it keeps', { offset: 304 }],
    ['a chunk beyond the vector', { offset: 1 << 30 }],
    ['a length beyond the chunk', { length: 96 }],
    ['a negative length', { length: -1 }],
    ['a sender out of range', { sender: 4 }],
    ['itself as sender', { sender: 0 }],
    ['a network that is not updated', { network: 1 }],
    ['a network that there is not', { network: 99 }],
    ['an update far ahead', { update: 5 }],
    ['a sum that nobody owes', { kind: FRAME_SUM }],
    ['two bytes a value where there are four', { wire: FRAME_WIRES.bf16 }],
  ] as [string, Partial<FrameHeader>][])('%s is an error', (_, fields) => {
    const { exchange, send } = create();
    exchange.publish(1, ['discriminator']);
    expect(() => send(fields)).toThrow(invalid);
  });

  test('the wire type is the run’s, for single gradients only', () => {
    const { exchange, send } = create('bf16');
    exchange.publish(1, ['discriminator']);
    expect(() => send({ wire: FRAME_WIRES.fp16 })).toThrow(invalid);
    expect(() => send({ wire: FRAME_WIRES.fp32 })).toThrow(invalid);
    expect(() => send({ sender: 2, nodeStart: 2, nodeEnd: 4 })).toThrow(invalid);
    expect(() => send({})).not.toThrow();
  });

  test('a chunk that comes twice is an error, before this update and in it', () => {
    const { exchange, send } = create();
    exchange.publish(1, ['discriminator']);
    send({});
    expect(() => send({})).toThrow(invalid);
    const early = create();
    early.send({});
    early.send({});
    expect(() => early.exchange.publish(1, ['discriminator'])).toThrow(invalid);
  });

  test('what comes early must be a chunk, and fit once its update begins', () => {
    const { exchange, send } = create();
    expect(() => send({ length: 49 })).toThrow(invalid);
    send({ offset: 16 });
    expect(() => exchange.publish(1, ['discriminator'])).toThrow(invalid);
  });

  test('an abort ends the wait for those that do not come', async () => {
    const { exchange, members } = create();
    const gathering = Promise.resolve(exchange.gather(1, ['discriminator']));
    members.controls[0]!.abort();
    await expect(gathering).rejects.toThrow(expect.objectContaining({ code: 'GANTRY_ABORTED' }));
  });
});
