import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  doneOf,
  type Event,
  errorOf,
  eventually,
  GantryProcess,
  gantry,
  isAlive,
  sharedMemoryFiles,
  trainArguments,
  Workspace,
  workersOf,
} from '../support/gantry.js';

// Whatever happens to its members, a run ends with the bits of the undisturbed one.
const STEPS = 300;
const work = new Workspace();
const memoryBefore = sharedMemoryFiles();
let undisturbed: unknown;

beforeAll(async () => {
  undisturbed = doneOf(await gantry(trainArguments(work.run(), { steps: STEPS }))).stateSha256;
});
afterAll(() => work.remove());

function train(options: Readonly<Record<string, string | number>> = {}, env: Record<string, string> = {}) {
  return new GantryProcess(trainArguments(work.run(), { steps: STEPS, 'max-restarts': 100, ...options }), env);
}

/** A coordinator alone, and how to start workers that join it. */
async function byHand(options: Readonly<Record<string, string | number>>, more: readonly string[] = []) {
  const out = work.run();
  const [, ...rest] = trainArguments(out, { steps: STEPS, 'checkpoint-every': 50, ...options });
  const coordinator = new GantryProcess(['coordinator', ...rest, ...more]);
  const endpoint = (await coordinator.until(({ event }) => event === 'start')).endpoint as string;
  const join = (name: string) => new GantryProcess(['worker', '--join', endpoint, '--worker', name]);
  return { coordinator, endpoint, out, join };
}

/** Whether a generation has two members again after the third was lost. */
function isRejoined(events: readonly Event[], ready: Event): boolean {
  const lost = events.findIndex(({ event, worker }) => event === 'worker-lost' && worker === 'third');
  return events.indexOf(ready) > lost && (ready.members as unknown[]).length === 2;
}

const generation = (number: number) => (event: Event) => event.event === 'ready' && event.generation === number;

interface Member {
  readonly worker: string;
  readonly pid: number;
}

const membersOf = ({ members }: Event) => members as readonly Member[];

/** Kills every member of the first generation, a hub too, each when training goes on with all of them. @returns their names */
async function killEachInTurn(run: GantryProcess): Promise<string[]> {
  let whole = await run.until(generation(1));
  const names = membersOf(whole).map(({ worker }) => worker);
  for (const name of names) {
    await run.progressed(5);
    const { pid } = membersOf(whole).find(({ worker }) => worker === name)!;
    process.kill(pid, 'SIGKILL');
    const before = whole.generation as number;
    whole = await run.until(
      (event) =>
        event.event === 'ready' &&
        (event.generation as number) > before &&
        membersOf(event).length === names.length &&
        membersOf(event).every((member) => member.pid !== pid),
    );
  }
  await run.progressed(5);
  return names;
}

async function expectUndisturbed(run: GantryProcess, pids: readonly number[], hash = undisturbed): Promise<void> {
  expect(doneOf(await run.finished).stateSha256).toBe(hash);
  await eventually(() => ![...pids, run.pid].some(isAlive), 'all processes of the run are gone');
  await eventually(() => sharedMemoryFiles().every((name) => memoryBefore.includes(name)), '/dev/shm is clean');
}

describe('a local worker', () => {
  it.each([
    { signal: 'SIGKILL', transport: 'shm', topology: 'direct' },
    { signal: 'SIGKILL', transport: 'tcp', topology: 'direct' },
    { signal: 'SIGKILL', transport: 'ipc', topology: 'star' },
    { signal: 'SIGSTOP', transport: 'shm', topology: 'direct' },
    { signal: 'SIGTERM', transport: 'tcp', topology: 'direct' },
  ] as const)('$signal with $transport, $topology: the others go on, in the same bits', async ({ signal, ...how }) => {
    const run = train(how);
    await run.untilStep(40);
    const workers = workersOf(run.pid);
    process.kill(workers[1]!, signal);
    await run.until(generation(2));
    await expectUndisturbed(run, workers);
    const lost = run.events.filter(({ event }) => event === 'worker-lost');
    expect(lost).toHaveLength(signal === 'SIGTERM' ? 0 : 1);
  });

  it('that is lost is started again and takes part', async () => {
    const run = train({ steps: 100_000 });
    await run.untilStep(20);
    const [, second] = workersOf(run.pid);
    process.kill(second!, 'SIGKILL');
    const regrouped = await run.until(generation(2));
    expect(regrouped.members).toHaveLength(1);
    expect((await run.until(generation(3))).members).toHaveLength(2);
    run.child.kill('SIGINT');
    expect(doneOf(await run.finished).interrupted).toBe(true);
  });

  it.each([
    { transport: 'shm', topology: 'direct', members: ['worker-0', 'worker-1', 'worker-2'] },
    { transport: 'tcp', topology: 'star', members: ['worker-0', 'worker-1', 'hub'] },
  ] as const)('every one of them, one after the other, with $transport, $topology: the same bits', async (how) => {
    const { members, ...options } = how;
    const workers = members.filter((name) => name !== 'hub').length;
    // It is ended when all of this has happened, however fast the machine is.
    const run = train({ ...options, workers, steps: 100_000 });
    expect(await killEachInTurn(run)).toEqual(members);
    run.child.kill('SIGINT');
    const done = doneOf(await run.finished);
    const lost = run.events.filter(({ event }) => event === 'worker-lost');
    expect(lost.map(({ worker }) => worker)).toEqual(members);
    const alone = doneOf(await gantry(trainArguments(work.run(), { steps: done.step as number, workers: 1 })));
    await expectUndisturbed(run, [], alone.stateSha256);
  });

  it('all of them at once: the run goes back to its checkpoint, and to the same bits', async () => {
    const run = train({ 'checkpoint-every': 30 });
    await run.until(({ event }) => event === 'checkpoint');
    const workers = workersOf(run.pid);
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await expectUndisturbed(run, workers);
  });

  it('all but one, at once: the last one goes on from the update that it has, in the same bits', async () => {
    const run = train({ workers: 4 });
    await run.untilStep(40);
    const workers = workersOf(run.pid);
    expect(workers).toHaveLength(4);
    for (const pid of workers.slice(1)) process.kill(pid, 'SIGKILL');
    // Whoever is left, at the step that was told of or behind it: nothing was read from a disk.
    expect((await run.until(generation(2))).update).toBeGreaterThanOrEqual(80);
    await expectUndisturbed(run, workers);
  });

  it('that hangs is replaced', async () => {
    const run = train({}, { GANTRY_FAULT: 'hang@150:worker-1' });
    await expectUndisturbed(run, []);
    expect(run.events.some(({ event, worker }) => event === 'worker-lost' && worker === 'worker-1')).toBe(true);
  });

  it('that hangs is waited for where that was asked for, by name, until somebody ends it', async () => {
    const run = train({ stalled: 'wait' }, { GANTRY_FAULT: 'hang@150:worker-1' });
    const told = await run.until(({ event, message }) => event === 'warning' && /waited for/.test(String(message)));
    expect(told.message).toMatch(/^worker-1 .*makes no progress for .* s in phase computing of update 150/);
    process.kill(Number(/end its process (\d+)/.exec(String(told.message))![1]), 'SIGKILL');
    await expectUndisturbed(run, []);
    expect(run.events.some(({ event, worker }) => event === 'worker-lost' && worker === 'worker-1')).toBe(true);
  });

  it('that dies in the same update every time ends the run, which says so', async () => {
    const finished = await train({ workers: 1 }, { GANTRY_FAULT: 'exit@60:worker-0' }).finished;
    expect(finished.code).toBe(1);
    expect(errorOf(finished)).toMatchObject({
      code: 'GANTRY_WORKER_LOST',
      message: expect.stringMatching(/--max-restarts|was begun 3 times/),
    });
  });
});

describe('shards', () => {
  it('move from a slow worker to a fast one, and not one bit changes', async () => {
    const run = train({ steps: 100_000 }, { GANTRY_FAULT: 'slow@1:worker-1' });
    const { members } = await run.until(generation(2));
    expect(members).toMatchObject([{ shards: [0, 1, 2] }, { shards: [3] }]);
    expect(run.events.filter(({ event }) => event === 'warning')).toMatchObject([
      { message: 'shards move to faster workers: worker-0 2 → 3, worker-1 2 → 1' },
    ]);
    await run.progressed(5);
    run.child.kill('SIGINT');
    const done = doneOf(await run.finished);
    const alone = doneOf(await gantry(trainArguments(work.run(), { steps: done.step as number })));
    expect(done.stateSha256).toBe(alone.stateSha256);
  });
});

describe('a cluster started by hand', () => {
  it.each(['tcp', 'shm'] as const)('workers join, leave, are stopped and come back, with %s', async (transport) => {
    // Long enough for all that happens here.
    const steps = 500;
    const { stateSha256 } = doneOf(await gantry(trainArguments(work.run(), { steps })));
    const { coordinator, join } = await byHand({ workers: 1, transport, steps });
    const first = join('first');
    await coordinator.until(generation(1));
    const second = join('second');
    expect((await coordinator.until(generation(2))).members).toHaveLength(2);
    first.child.kill('SIGTERM');
    expect((await first.finished).code).toBe(0);
    await coordinator.until(generation(3));
    const third = join('third');
    await coordinator.until(generation(4));
    process.kill(third.pid, 'SIGSTOP');
    await coordinator.until(({ event, worker }) => event === 'worker-lost' && worker === 'third');
    process.kill(third.pid, 'SIGCONT');
    // Taken for lost, it is told so, and joins again.
    await coordinator.until((event) => event.event === 'ready' && isRejoined(coordinator.events, event));
    await expectUndisturbed(coordinator, [first.pid, second.pid, third.pid], stateSha256);
  });

  // With tcp: restarts.test.ts.
  it('a coordinator is killed and restarted; its workers held the state, with shm', async () => {
    const { coordinator, out, join } = await byHand({ workers: 2, transport: 'shm' });
    const workers = [join('one'), join('two')];
    await coordinator.untilStep(120);
    coordinator.child.kill('SIGKILL');
    await coordinator.finished;
    const next = new GantryProcess(['coordinator', '--resume', '--json', '--out', out]);
    // Not the checkpoint of step 100: what the workers have.
    expect((await next.until(({ event }) => event === 'ready')).update).toBeGreaterThanOrEqual(240);
    await expectUndisturbed(next, [coordinator.pid, ...workers.map(({ pid }) => pid)]);
    for (const worker of workers) expect((await worker.finished).code).toBe(0);
  });

  it('waits for its minimum and goes on when it is there', async () => {
    const { coordinator, join } = await byHand({ workers: 2, transport: 'tcp', 'min-workers': 2 });
    const [one, two] = [join('one'), join('two')];
    await coordinator.untilStep(20);
    two.child.kill('SIGKILL');
    const waiting = await coordinator.until(
      ({ event, message }) => event === 'warning' && /waits/.test(String(message)),
    );
    expect(waiting.message).toContain('1 of at least 2');
    const three = join('three');
    await expectUndisturbed(coordinator, [one.pid, two.pid, three.pid]);
  });
});
