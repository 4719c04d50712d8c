import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
/** By worker, its host. */
const TWO_HOSTS = { 'a-1': 'a', 'a-2': 'a', 'b-1': 'b', 'b-2': 'b' } as const;
/** Between two hosts every topology is the same. */
const THREE_HOSTS = { ...TWO_HOSTS, 'b-2': 'c' } as const;
type Name = keyof typeof TWO_HOSTS;
type Options = Readonly<Record<string, string | number>>;

const work = new Workspace();
const memoryBefore = sharedMemoryFiles();
let alone: unknown;

beforeAll(async () => {
  alone = doneOf(await gantry(trainArguments(work.run(), { steps: STEPS, workers: 1 }))).stateSha256;
});
afterAll(() => work.remove());

/** A coordinator, and four workers on hosts that this machine plays. */
async function startHosts(
  options: Options = {},
  { hosts = TWO_HOSTS, fault = '' }: { readonly hosts?: Readonly<Record<Name, string>>; readonly fault?: string } = {},
) {
  const [, ...rest] = trainArguments(work.run(), { steps: STEPS, workers: 4, ...options });
  const coordinator = new GantryProcess(['coordinator', ...rest]);
  const endpoint = (await coordinator.until(({ event }) => event === 'start')).endpoint as string;
  const join = (name: Name) =>
    new GantryProcess(['worker', '--join', endpoint, '--worker', name, '--host-id', hosts[name]], {
      GANTRY_FAULT: fault,
    });
  const workers = new Map((Object.keys(hosts) as Name[]).map((name) => [name, join(name)]));
  return { coordinator, workers };
}

async function expectBitsOfOne(
  { coordinator, workers }: Awaited<ReturnType<typeof startHosts>>,
  expected = alone,
): Promise<void> {
  expect(doneOf(await coordinator.finished).stateSha256).toBe(expected);
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

describe('rounded gradients, by halving', () => {
  const steps = 30;
  const run = async (options: Options) =>
    doneOf(await gantry(trainArguments(work.run(), { steps, ...options }))).stateSha256;
  /** By wire, of one worker, which sends nothing. */
  const ofOne = new Map<string, unknown>();
  beforeAll(async () => {
    for (const wire of ['fp32', 'bf16', 'fp16']) ofOne.set(wire, await run({ workers: 1, transport: 'shm', wire }));
  });

  it('have bits of their own for each wire', () => {
    expect(new Set(ofOne.values()).size).toBe(3);
  });

  it.each(['bf16', 'fp16'])(
    'have the bits of one worker on three with tcp, and on three hosts, with %s',
    async (wire) => {
      expect(await run({ workers: 3, transport: 'tcp', topology: 'halving', wire })).toBe(ofOne.get(wire));
      const hosts = await startHosts({ steps, topology: 'halving', wire }, { hosts: THREE_HOSTS });
      const { members } = await regrouped(hosts.coordinator, ['a-1', 'a-2', 'b-1', 'b-2']);
      expect((members as { host: string }[]).map(({ host }) => host)).toEqual(['a', 'a', 'b', 'c']);
      await expectBitsOfOne(hosts, ofOne.get(wire));
    },
  );
});

it("a bit that changes in one host's memory is found, by the host's first worker, and all begin again", async () => {
  const options = { 'verify-every': 20, 'checkpoint-every': 40 };
  const hosts = await startHosts(options, { fault: 'flip@150:a-2' });
  const { coordinator } = hosts;
  await expectBitsOfOne(hosts);
  const diverged = coordinator.events.filter(({ event }) => event === 'replica-diverged');
  // Of two hosts neither is outvoted. Update 80 is step 40, whose checkpoint has been on the disk for long.
  const told = { update: 160, verifiedUpdate: 140, outvoted: false, removed: false, backTo: 80 };
  expect(diverged).toEqual([
    expect.objectContaining({ ...told, worker: 'a-1', host: 'a' }),
    expect.objectContaining({ ...told, worker: 'b-1', host: 'b' }),
  ]);
  expect(coordinator.events.find(({ event, generation }) => event === 'ready' && generation === 2)).toMatchObject({
    update: 80,
  });
});
