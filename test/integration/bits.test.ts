import { isDeepStrictEqual } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { doneOf, type Event, GantryProcess, gantry, isAlive, trainArguments, Workspace } from '../support/gantry.js';

const STEPS = 300;
const work = new Workspace();
afterAll(() => work.remove());

async function finalHash(options: Record<string, string | number>): Promise<string> {
  const done = doneOf(await gantry(trainArguments(work.run(), { steps: STEPS, ...options })));
  expect(done.step).toBe(STEPS);
  return done.stateSha256 as string;
}

/** One worker, which no collective can have touched. */
const REFERENCE = { workers: 1, transport: 'shm', topology: 'direct' };
const reference = new Map<string, Promise<string>>();
function referenceHash(updates: string): Promise<string> {
  const known = reference.get(updates) ?? finalHash({ ...REFERENCE, updates });
  reference.set(updates, known);
  return known;
}

function isReference(options: typeof REFERENCE): boolean {
  return isDeepStrictEqual(options, REFERENCE);
}

const UPDATES = ['alternating', 'simultaneous'] as const;

describe.each(UPDATES)('%s: the bits of a run do not depend on who computed it', (updates) => {
  const cases = (counts: readonly number[]) =>
    ['shm', 'ipc', 'tcp'].flatMap((transport) =>
      ['direct', 'star'].flatMap((topology) => counts.map((workers) => ({ transport, topology, workers }))),
    );
  const holds = async (options: { transport: string; topology: string; workers: number }): Promise<void> => {
    const known = await referenceHash(updates);
    if (!isReference(options)) expect(await finalHash({ ...options, updates })).toBe(known);
  };
  // One worker keeps one processor busy.
  it.concurrent.each(cases([1]))('$workers worker, $transport, $topology', holds);
  it.each(cases([2, 3, 4]))('$workers workers, $transport, $topology', holds);
});

describe('the bits of a run survive kill -9 and resume', () => {
  it('is different for another seed, so that equal hashes mean something', async () => {
    expect(await finalHash({ seed: 8 })).not.toBe(await referenceHash('alternating'));
  });

  const ALL = 'the coordinator and all workers';
  const COORDINATOR = 'the coordinator alone';
  it.each([
    { killed: COORDINATOR, killAt: 25, workers: 2, resumeWith: 2, updates: 'alternating' },
    { killed: ALL, killAt: 90, workers: 3, resumeWith: 1, updates: 'alternating' },
    { killed: COORDINATOR, killAt: 170, workers: 1, resumeWith: 4, updates: 'simultaneous' },
    { killed: ALL, killAt: 255, workers: 4, resumeWith: 3, updates: 'alternating' },
  ])('$killed killed after step $killAt of $workers workers, resumed with $resumeWith', async (point) => {
    const out = work.run();
    const run = new GantryProcess(
      trainArguments(out, { workers: point.workers, updates: point.updates, 'checkpoint-every': 20, steps: STEPS }),
    );
    await run.untilStep(point.killAt);
    // Without a word. Workers that are left alone notice by themselves.
    const workers = point.killed === ALL ? workerPids(run, point.workers) : [];
    for (const pid of [run.pid, ...workers]) process.kill(pid, 'SIGKILL');
    expect((await run.finished).code).not.toBe(0);
    await expect.poll(() => workers.filter(isAlive)).toEqual([]);
    const resumed = doneOf(await gantry(['resume', '--json', '--out', out, '--workers', String(point.resumeWith)]));
    expect(resumed.stateSha256).toBe(await referenceHash(point.updates));
  });
});

/** Processes of the workers that train; all of them live. */
function workerPids({ events }: GantryProcess, count: number): number[] {
  const ready = events.findLast(({ event }) => event === 'ready') as Event & { members: readonly { pid: number }[] };
  const pids = ready.members.map(({ pid }) => pid);
  expect(pids.filter(isAlive)).toHaveLength(count);
  return pids;
}
