import { type RunConfig, UNMEASURED } from '@gantry/common';
import { totalUpdates } from '@gantry/gan';
import { describe, expect, it } from 'vitest';
import type { Cluster, Plan } from './cluster.js';
import { UNVARIED } from './plan.js';
import { type PlayReport, play } from './play.js';
import { Random } from './random.js';
import { type Pace, World } from './world.js';

const PACE: Omit<Pace, 'computeMs'> = {
  ...{ latency: { leastMs: 1, mostMs: 4, tail: 1 }, compileMs: 8, chunkBytes: 64 },
  ...{ network: UNMEASURED, slower: new Map() },
};
const END_MS = 30_000;

/** Two workers train four steps of two updates; every second one is saved. A third worker joins, then all of them are lost. */
const CONFIG: RunConfig = {
  ...UNVARIED,
  ...{ workers: 2, minWorkers: 2, maxWorkers: 3, maxRestarts: 0, shards: 3, steps: 4, leaseMs: 300 },
  ...{ transport: 'tcp', updates: 'alternating', discriminatorUpdates: 1, checkpointEvery: 2, checkpointKeep: 1 },
};

interface Schedule {
  readonly plan: Plan;
  /** Of an update's gradients. */
  readonly computeMs: number;
  /** Updates that are committed when all workers are lost. */
  readonly lostAfter: number;
  /** Who ends in it, each at how many steps at least: fewer are no such schedule. */
  readonly victims: Readonly<Partial<Record<Victim, number>>>;
  /** Of its steps, those before which somebody may end. */
  choose(steps: readonly Point[]): readonly Point[];
  /** Of the ends of its steps' names: one step of each kind has to be there. */
  readonly kinds: readonly string[];
}

/** What beats all the time is no part of what is done. */
const unbeaten = (steps: readonly Point[]): Point[] => steps.filter(({ what }) => !what.endsWith('heartbeat'));

/**
 * From the first gradients to the last commit. How workers come to their first assignment, and how the last state is
 * delivered, knows nothing of how gradients travel: the schedule `between hosts` has every step of that.
 */
function whileTraining(steps: readonly Point[]): readonly Point[] {
  const first = steps.findIndex(({ what }) => what.endsWith('a data frame') || what.endsWith('the memory of its host'));
  const last = steps.findLastIndex(({ commits }) => commits < steps.at(-1)!.commits);
  return unbeaten(steps.slice(first, last + 1));
}

/** Of that, what comes before the return to a checkpoint: the third generation halves as the first one does. */
function untilTheReturn(steps: readonly Point[]): readonly Point[] {
  return whileTraining(steps).filter(({ generations }) => generations < 3);
}

/** Topologies other than `direct`, in half as many steps, each of which is saved: long enough for somebody to join. */
const SHORT: RunConfig = { ...CONFIG, steps: 2, checkpointEvery: 1 };

const SCHEDULES = {
  'between hosts': {
    plan: { config: CONFIG, workerHosts: ['h0', 'h1'], localWorkers: 0, coordinatorHost: 'hc' },
    computeMs: 40,
    lostAfter: 5,
    victims: {
      ...{ 'the coordinator': 200, 'the coordinator, with what its disk has not synced': 10 },
      ...{ 'the first worker': 200, 'the second worker': 150, 'the third worker': 100 },
    },
    choose: unbeaten,
    kinds: [
      ...['stateRequest', 'stateChunk', 'pause', 'paused', 'assignment', 'ready', 'start', 'done', 'a data frame'].map(
        (kind) => `receives ${kind}`,
      ),
      ...['the journal', 'the checkpoint of step 2'].flatMap((file) =>
        ['written', 'renamed', 'synced', 'on the disk'].map((effect) => `${file} is ${effect}`),
      ),
      ...['the checkpoint of step 2 is deleted', 'reads the newest checkpoint'],
    ],
  },
  /** The same on one host: what is done otherwise is the words that its workers share. */
  'on one host': {
    plan: {
      ...{ config: { ...CONFIG, transport: 'shm' }, workerHosts: ['h0', 'h0'] },
      ...{ localWorkers: 0, coordinatorHost: 'h0' },
    },
    computeMs: 40,
    lostAfter: 5,
    victims: { 'the first worker': 20, 'the second worker': 20, 'the third worker': 20 },
    choose: (steps) => steps.filter(({ what }) => what.endsWith('the memory of its host')),
    kinds: ['writes to the memory of its host'],
  },
  /** The hub too is lost with all others, so that it may be started again twice. */
  'by a hub': {
    plan: {
      ...{ config: { ...SHORT, topology: 'star', maxRestarts: 2 }, workerHosts: ['h0', 'h1'] },
      ...{ localWorkers: 0, coordinatorHost: 'hc' },
    },
    computeMs: 40,
    lostAfter: 3,
    victims: {
      ...{ 'the coordinator': 200, 'the coordinator, with what its disk has not synced': 4, 'the hub': 150 },
      ...{ 'the first worker': 150, 'the second worker': 150, 'the third worker': 80 },
    },
    choose: whileTraining,
    kinds: ['sends a data frame', 'receives a data frame', 'receives stateChunk'],
  },
  /** Three members, whom pieces of a vector reach on different ways; then four, who meet in pairs. */
  'by halving': {
    plan: {
      config: { ...SHORT, topology: 'halving', workers: 3, minWorkers: 3, maxWorkers: 4, shards: 4 },
      ...{ workerHosts: ['h0', 'h1', 'h2'], localWorkers: 0, coordinatorHost: 'hc' },
    },
    computeMs: 80,
    lostAfter: 3,
    victims: {
      ...{ 'the coordinator': 200, 'the coordinator, with what its disk has not synced': 4 },
      ...{ 'the first worker': 150, 'the second worker': 150, 'the third worker': 150, 'the fourth worker': 80 },
    },
    choose: untilTheReturn,
    kinds: ['sends a data frame', 'receives a data frame', 'receives stateChunk'],
  },
  /** Two workers on one host and one on another, who share one lane; with the one who joins there they have two. */
  'between hosts with shared memory': {
    plan: {
      config: { ...SHORT, transport: 'shm', workers: 3, minWorkers: 3, maxWorkers: 4, shards: 4 },
      ...{ workerHosts: ['h0', 'h0', 'h1'], localWorkers: 0, coordinatorHost: 'hc' },
    },
    computeMs: 80,
    lostAfter: 3,
    victims: {
      ...{ 'the coordinator': 200, 'the coordinator, with what its disk has not synced': 4 },
      ...{ 'the first worker': 150, 'the second worker': 150, 'the third worker': 150, 'the fourth worker': 80 },
    },
    choose: whileTraining,
    kinds: ['sends a data frame', 'receives a data frame', 'writes to the memory of its host', 'receives stateChunk'],
  },
} as const satisfies Readonly<Record<string, Schedule>>;
type ScheduleName = keyof typeof SCHEDULES;

interface ScheduleEvent {
  isDue(world: World): boolean;
  action(cluster: Cluster): void;
}

/** What happens in it, one after the other. */
function eventsOf({ lostAfter }: Schedule): ScheduleEvent[] {
  return [
    {
      isDue: ({ monitor }) => monitor.summary.highest >= 1,
      action: (cluster) => cluster.startWorker(cluster.plan.workerHosts.at(-1)!, 'joiner'),
    },
    {
      isDue: ({ monitor, disk }) => monitor.summary.highest >= lostAfter && disk.steps.length > 0,
      action: ({ alive }) => {
        for (const worker of alive) worker.kill();
      },
    },
  ];
}

/** Who ends, where there is one. */
const VICTIMS = {
  'the coordinator': {
    end: ({ coordinator }: Cluster) => coordinator?.kill(),
    isThere: () => true,
  },
  'the coordinator, with what its disk has not synced': {
    end: ({ coordinator, world }: Cluster) => {
      coordinator?.kill();
      world.disk.losePower(false);
    },
    isThere: ({ world }: Cluster) => world.disk.isUnsynced,
  },
  'the hub': {
    end: (cluster: Cluster) => hubOf(cluster)?.kill(),
    isThere: (cluster: Cluster) => hubOf(cluster) !== undefined,
  },
  'the first worker': workerAt(0),
  'the second worker': workerAt(1),
  'the third worker': workerAt(2),
  'the fourth worker': workerAt(3),
} as const;
type Victim = keyof typeof VICTIMS;

function workerAt(place: number) {
  return {
    end: ({ byHand }: Cluster) => byHand[place]?.kill(),
    isThere: ({ byHand }: Cluster) => byHand.length > place,
  };
}

function hubOf({ alive }: Cluster) {
  return alive.find(({ options }) => options.hub);
}

/** The schedule, in which `beforeStep` is told of every step and may do something more. */
function run(schedule: Schedule, beforeStep: (cluster: Cluster, index: number, what: string) => void): PlayReport {
  const { plan, computeMs } = schedule;
  const pace = { ...PACE, computeMs };
  const world = new World({ random: new Random(1), extra: new Random(2) }, plan.config, pace, false);
  return play(world, plan, {
    endMs: END_MS,
    begin: (cluster) => {
      const due = eventsOf(schedule);
      world.steps.watch((index, what) => {
        beforeStep(cluster, index, what);
        while (due[0]?.isDue(world)) {
          const { action } = due.shift()!;
          world.clock.after(0, () => action(cluster));
        }
      });
    },
  });
}

interface Point {
  readonly index: number;
  readonly what: string;
  /** Of all members, before it. */
  readonly commits: number;
  /** That have begun. */
  readonly generations: number;
  /** Who may end just before it. */
  readonly victims: readonly Victim[];
}

/** Every step of the undisturbed schedule before which somebody may end. */
function pointsOf(schedule: Schedule): readonly Point[] {
  const names = Object.keys(schedule.victims) as Victim[];
  const steps: Point[] = [];
  const { problem, summary } = run(schedule, (cluster, index, what) => {
    const victims = names.filter((name) => VICTIMS[name].isThere(cluster));
    const { commits, generations } = cluster.world.monitor.summary;
    steps.push({ index, what, victims, commits, generations });
  });
  expect(problem).toBe(null);
  expect(summary).toMatchObject({ generations: 3, rollbacks: 1, highest: totalUpdates(schedule.plan.config) });
  return schedule.choose(steps);
}

function expectSound(schedule: Schedule, victim: Victim, { index, what }: Point): void {
  const { problem, trace } = run(schedule, (cluster, at) => {
    if (at === index) VICTIMS[victim].end(cluster);
  });
  if (problem === null) return;
  expect.fail(`${victim} ends before step ${index} (${what}): ${problem}\nThe end of the trace:\n${trace.join('\n')}`);
}

describe.each(Object.keys(SCHEDULES) as ScheduleName[])(
  'a schedule with saves, a join and a return to a checkpoint, %s',
  (name) => {
    const schedule: Schedule = SCHEDULES[name];

    it.each(Object.entries(schedule.victims) as [Victim, number][])(
      'keeps its promises where %s ends before any single step',
      (victim, pointsLeast) => {
        const points = pointsOf(schedule).filter(({ victims }) => victims.includes(victim));
        console.log(`${name}: ${victim} ends before each of ${points.length} steps`);
        expect(points.length).toBeGreaterThanOrEqual(pointsLeast);
        for (const point of points) expectSound(schedule, victim, point);
      },
    );

    it('has every kind of step in it', () => {
      const steps = pointsOf(schedule);
      for (const kind of schedule.kinds)
        expect(
          steps.some(({ what }) => what.endsWith(kind)),
          kind,
        ).toBe(true);
    });
  },
);
