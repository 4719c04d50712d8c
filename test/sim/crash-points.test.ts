import { type RunConfig, UNMEASURED } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import type { Cluster, Plan } from './cluster.js';
import { UNVARIED } from './plan.js';
import { type PlayReport, play } from './play.js';
import { Random } from './random.js';
import { type Pace, World } from './world.js';

const PACE: Pace = {
  ...{ latency: { leastMs: 1, mostMs: 4, tail: 1 }, computeMs: 40, compileMs: 8, chunkBytes: 64 },
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
  /** Whether somebody may end just before this; what beats all the time is no part of what is done. */
  isPoint(what: string): boolean;
}

const BETWEEN_HOSTS: Schedule = {
  plan: { config: CONFIG, workerHosts: ['h0', 'h1'], localWorkers: 0, coordinatorHost: 'hc' },
  isPoint: (what) => !what.endsWith('heartbeat'),
};
/** The same on one host: what is done otherwise is the words that its workers share. */
const ON_ONE_HOST: Schedule = {
  plan: {
    ...{ config: { ...CONFIG, transport: 'shm' }, workerHosts: ['h0', 'h0'] },
    ...{ localWorkers: 0, coordinatorHost: 'h0' },
  },
  isPoint: (what) => what.endsWith('the memory of its host'),
};

/** What happens in it, one after the other. */
const EVENTS: readonly { isDue(world: World): boolean; action(cluster: Cluster): void }[] = [
  {
    isDue: ({ monitor }) => monitor.summary.highest >= 1,
    action: (cluster) => cluster.startWorker(cluster.plan.workerHosts[1]!, 'joiner'),
  },
  {
    isDue: ({ monitor, disk }) => monitor.summary.highest >= 5 && disk.steps.length > 0,
    action: ({ alive }) => {
      for (const worker of alive) worker.kill();
    },
  },
];

/** Who ends, where there is one, and at how many steps at least: fewer are no such schedule. */
const VICTIMS = {
  'the coordinator': {
    end: ({ coordinator }: Cluster) => coordinator?.kill(),
    isThere: () => true,
    pointsLeast: 200,
  },
  'the coordinator, with what its disk has not synced': {
    end: ({ coordinator, world }: Cluster) => {
      coordinator?.kill();
      world.disk.losePower(false);
    },
    isThere: ({ isUnsynced }: Point) => isUnsynced,
    pointsLeast: 10,
  },
  'the first worker': workerAt(0, 200),
  'the second worker': workerAt(1, 150),
  'the third worker': workerAt(2, 100),
} as const;
type Victim = keyof typeof VICTIMS;

function workerAt(place: number, pointsLeast: number) {
  return {
    end: ({ alive }: Cluster) => alive[place]?.kill(),
    isThere: ({ workers }: Point) => workers > place,
    pointsLeast,
  };
}

/** The schedule, in which `beforeStep` is told of every step and may do something more. */
function run(plan: Plan, beforeStep: (cluster: Cluster, index: number, what: string) => void): PlayReport {
  const world = new World({ random: new Random(1), extra: new Random(2) }, plan.config, PACE, false);
  return play(world, plan, {
    endMs: END_MS,
    begin: (cluster) => {
      const due = [...EVENTS];
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
  /** Workers that run at this moment. */
  readonly workers: number;
  /** A power failure would take something from the disk. */
  readonly isUnsynced: boolean;
}

/** Every step of the undisturbed schedule before which somebody may end. */
function pointsOf({ plan, isPoint }: Schedule): Point[] {
  const points: Point[] = [];
  const { problem, summary } = run(plan, ({ alive, world }, index, what) => {
    if (isPoint(what)) points.push({ index, what, workers: alive.length, isUnsynced: world.disk.isUnsynced });
  });
  expect(problem).toBe(null);
  expect(summary).toMatchObject({ generations: 3, rollbacks: 1, highest: 8 });
  return points;
}

function expectSound({ plan }: Schedule, victim: Victim, { index, what }: Point): void {
  const { problem, trace } = run(plan, (cluster, at) => {
    if (at === index) VICTIMS[victim].end(cluster);
  });
  if (problem === null) return;
  expect.fail(`${victim} ends before step ${index} (${what}): ${problem}\nThe end of the trace:\n${trace.join('\n')}`);
}

function expectSoundAtAll(schedule: Schedule, victim: Victim, points: readonly Point[]): void {
  const { transport } = schedule.plan.config;
  console.log(`${transport}: ${victim} ends before each of ${points.length} steps`);
  for (const point of points) expectSound(schedule, victim, point);
}

describe('a schedule with saves, a join and a return to a checkpoint', () => {
  it.each(Object.keys(VICTIMS) as Victim[])('keeps its promises where %s ends before any single step', (victim) => {
    const { isThere, pointsLeast } = VICTIMS[victim];
    const points = pointsOf(BETWEEN_HOSTS).filter(isThere);
    expect(points.length).toBeGreaterThanOrEqual(pointsLeast);
    expectSoundAtAll(BETWEEN_HOSTS, victim, points);
  });

  it.each(['the first worker', 'the second worker', 'the third worker'] as const)(
    'keeps its promises where %s ends before any single word in shared memory',
    (victim) => {
      const points = pointsOf(ON_ONE_HOST).filter(VICTIMS[victim].isThere);
      expect(points.length).toBeGreaterThanOrEqual(20);
      expectSoundAtAll(ON_ONE_HOST, victim, points);
    },
  );

  it('has every kind of step in it', () => {
    const steps = pointsOf(BETWEEN_HOSTS).map(({ what }) => what.replace(/^[wc]\d+/, 'somebody'));
    const kinds = [
      'stateRequest',
      'stateChunk',
      'pause',
      'paused',
      'assignment',
      'ready',
      'start',
      'done',
      'a data frame',
    ];
    for (const kind of kinds)
      expect(
        steps.some((step) => step.includes(`receives ${kind}`)),
        kind,
      ).toBe(true);
    for (const file of ['the journal', 'the checkpoint of step 2']) {
      for (const effect of ['written', 'renamed', 'synced', 'on the disk'])
        expect(steps).toContain(`${file} is ${effect}`);
    }
    expect(steps).toContain('the checkpoint of step 2 is deleted');
    expect(steps).toContain('somebody reads the newest checkpoint');
  });
});
