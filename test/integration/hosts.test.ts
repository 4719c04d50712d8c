import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  doneOf,
  type Event,
  eventually,
  GantryProcess,
  gantry,
  isAlive,
  sharedMemoryFiles,
  trainArguments,
  Workspace,
} from '../support/gantry.js';

// Several hosts, each with workers that share memory: whatever happens to them, the bits are those of one worker alone.
const STEPS = 120;
const HOSTS = { 'a-1': 'a', 'a-2': 'a', 'b-1': 'b', 'b-2': 'b' } as const;
type Name = keyof typeof HOSTS;

const work = new Workspace();
const memoryBefore = sharedMemoryFiles();
let alone: unknown;

beforeAll(async () => {
  alone = doneOf(await gantry(trainArguments(work.run(), { steps: STEPS, workers: 1 }))).stateSha256;
});
afterAll(() => work.remove());

/** A coordinator, and two workers on each of two hosts that this machine plays. */
async function startHosts() {
  const [, ...rest] = trainArguments(work.run(), { steps: STEPS, workers: 4 });
  const coordinator = new GantryProcess(['coordinator', ...rest]);
  const endpoint = (await coordinator.until(({ event }) => event === 'start')).endpoint as string;
  const join = (name: Name) =>
    new GantryProcess(['worker', '--join', endpoint, '--worker', name, '--host-id', HOSTS[name]]);
  const workers = new Map((Object.keys(HOSTS) as Name[]).map((name) => [name, join(name)]));
  return { coordinator, workers };
}

async function expectBitsOfOne({ coordinator, workers }: Awaited<ReturnType<typeof startHosts>>): Promise<void> {
  expect(doneOf(await coordinator.finished).stateSha256).toBe(alone);
  const pids = [coordinator.pid, ...[...workers.values()].map(({ pid }) => pid)];
  await eventually(() => !pids.some(isAlive), 'all processes of the run are gone');
  await eventually(() => sharedMemoryFiles().every((name) => memoryBefore.includes(name)), '/dev/shm is clean');
}

/** The first generation with these members. */
async function regrouped(coordinator: GantryProcess, names: readonly Name[]): Promise<Event> {
  const isRegrouped = (event: Event): boolean =>
    event.event === 'ready' &&
    (event.members as { worker: string }[]).map(({ worker }) => worker).join() === names.join();
  return coordinator.until(isRegrouped);
}

it('two hosts with two workers each lose a worker, then a whole host, and end with the bits of one worker', async () => {
  const hosts = await startHosts();
  const { coordinator, workers } = hosts;
  const kill = (name: Name): void => void workers.get(name)!.child.kill('SIGKILL');
  const first = await regrouped(coordinator, ['a-1', 'a-2', 'b-1', 'b-2']);
  expect(first.network).toMatchObject({ topology: 'direct', hosts: 2 });
  await coordinator.untilStep(30);
  kill('b-1');
  // What is known of the network is not measured again.
  expect((await regrouped(coordinator, ['a-1', 'a-2', 'b-2'])).network).toEqual(first.network);
  await coordinator.untilStep(70);
  kill('a-1');
  kill('a-2');
  expect((await regrouped(coordinator, ['b-2'])).network).toBe(null);
  await expectBitsOfOne(hosts);
});
