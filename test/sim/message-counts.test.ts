import { assignShards, countCommunication } from '@gantry/collective';
import { type RunConfig, type Topology, UNMEASURED } from '@gantry/common';
import { planUpdate, totalUpdates } from '@gantry/gan';
import { describe, expect, it } from 'vitest';
import type { Plan } from './cluster.js';
import { UNVARIED } from './plan.js';
import { play } from './play.js';
import { Random } from './random.js';
import { VECTOR_FLOATS } from './tiny-gan.js';
import { type Pace, World } from './world.js';

/** Every message takes this long, beside which nothing else counts: a wait looks again some hundredths of a millisecond later. */
const MESSAGE_MS = 1_000;
const PACE: Pace = {
  ...{ latency: { leastMs: MESSAGE_MS, mostMs: MESSAGE_MS, tail: 1 }, computeMs: 0, compileMs: 0, chunkBytes: 64 },
  ...{ network: UNMEASURED, slower: new Map() },
};
const END_MS = 600_000;

/** By turns, so that every update is of one vector. Nobody is taken for lost while a message is on its way. */
const CONFIG = {
  ...UNVARIED,
  ...{ maxRestarts: 0, steps: 2, shards: 8, transport: 'tcp', updates: 'alternating', discriminatorUpdates: 1 },
  ...{ checkpointEvery: 0, checkpointKeep: 1, leaseMs: 60_000 },
} as const satisfies Partial<RunConfig>;

const TOPOLOGIES = ['direct', 'halving', 'star'] as const;
const CASES = TOPOLOGIES.flatMap((topology) => [2, 3, 4, 5, 6, 7, 8].map((members) => ({ topology, members })));

/** What an update sends between members. */
interface Counts {
  /** Of each member, in ascending order: a member's place in the assignment is not of interest. */
  readonly members: readonly { readonly frames: number; readonly bytes: number }[];
  /** Messages that follow one another. */
  readonly rounds: number;
}

/** A hub is one of the members. */
function planOf(topology: Topology, members: number): Plan {
  const workers = topology === 'star' ? members - 1 : members;
  const config = { ...CONFIG, topology, workers, minWorkers: workers, maxWorkers: workers };
  const workerHosts = Array.from({ length: workers }, (_, index) => `h${index}`);
  return { config, workerHosts, localWorkers: 0, coordinatorHost: 'hc' };
}

/** By update: what the model counts. */
function counted(topology: Topology, members: number): Counts[] {
  const hub = topology === 'star' ? members - 1 : null;
  const assignment = assignShards(CONFIG.shards, members, hub);
  return Array.from({ length: totalUpdates(CONFIG) }, (_, update) => {
    const [network] = planUpdate(update, CONFIG).networks;
    const count = countCommunication({ topology, floats: VECTOR_FLOATS[network!], assignment });
    const traffic = count.members.map(({ sentFrames, sentBytes }) => ({ frames: sentFrames, bytes: sentBytes }));
    return { members: ascending(traffic, members), rounds: count.rounds };
  });
}

/** What was sent in one update, while a run is played. */
class Tally {
  readonly #senders = new Map<string, { frames: number; bytes: number }>();
  readonly #firstMs: number;
  #lastMs = 0;

  constructor(nowMs: number) {
    this.#firstMs = nowMs;
  }

  add(endpoint: string, bytes: number, nowMs: number): void {
    const sender = this.#senders.get(endpoint) ?? { frames: 0, bytes: 0 };
    this.#senders.set(endpoint, { frames: sender.frames + 1, bytes: sender.bytes + bytes });
    this.#lastMs = nowMs;
  }

  counts(members: number): Counts {
    // The last message is on its way as long as any other.
    const rounds = (this.#lastMs - this.#firstMs) / MESSAGE_MS + 1;
    return { members: ascending([...this.#senders.values()], members), rounds: Number(rounds.toFixed(2)) };
  }
}

/** By update: what members send in a run that nothing disturbs. */
function played(topology: Topology, members: number): Counts[] {
  const plan = planOf(topology, members);
  const tallies = new Map<number, Tally>();
  const world = new World({ random: new Random(1), extra: new Random(2) }, plan.config, PACE, false);
  const { clock } = world;
  world.data.watch(({ endpoint, update, bytes }) => {
    const tally = tallies.get(update) ?? new Tally(clock.nowMs);
    tallies.set(update, tally);
    tally.add(endpoint, bytes, clock.nowMs);
  });
  const { problem, summary } = play(world, plan, { endMs: END_MS, begin: () => {} });
  expect(problem).toBe(null);
  expect(summary).toMatchObject({ generations: 1, rollbacks: 0, highest: totalUpdates(plan.config) });
  return [...tallies.keys()].sort((a, b) => a - b).map((update) => tallies.get(update)!.counts(members));
}

/** Whoever sends nothing counts too. */
function ascending(traffic: Counts['members'], members: number): Counts['members'] {
  const silent = Array.from({ length: members - traffic.length }, () => ({ frames: 0, bytes: 0 }));
  return [...silent, ...traffic].sort((a, b) => a.bytes - b.bytes || a.frames - b.frames);
}

describe('a cluster that nothing disturbs', () => {
  it.each(CASES)('$topology, $members members: sends what the model of step time counts', ({ topology, members }) => {
    const [actual, model] = [played(topology, members), counted(topology, members)];
    expect(actual.map((update) => update.members)).toEqual(model.map((update) => update.members));
    // Only the first update begins everywhere at once: into the next one members go as each hears that its own frames have arrived.
    expect(actual[0]!.rounds).toBe(model[0]!.rounds);
  });
});
