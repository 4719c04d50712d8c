import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  doneOf,
  eventually,
  GantryProcess,
  gantry,
  isAlive,
  sharedMemoryFiles,
  trainArguments,
  Workspace,
} from '../support/gantry.js';

// Several hosts, each with workers that share memory: whatever happens to them, the bits are those of one worker alone.
const STEPS = 150;
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
async function startHosts(options: Readonly<Record<string, string | number>> = {}) {
  const [, ...rest] = trainArguments(work.run(), { steps: STEPS, workers: 4, ...options });
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

describe('two hosts with two workers each', () => {
  it('end with the bits of one worker', async () => {
    const hosts = await startHosts({ topology: 'halving' });
    const { members } = await hosts.coordinator.until(({ event }) => event === 'ready');
    expect((members as { worker: string }[]).map(({ worker }) => worker)).toEqual(Object.keys(HOSTS));
    await expectBitsOfOne(hosts);
  });

  it.each([
    { lost: ['b-1'], left: ['a-1', 'a-2', 'b-2'] },
    { lost: ['a-1', 'a-2'], left: ['b-1', 'b-2'] },
  ] as const)('do so when $lost are killed', async ({ lost, left }) => {
    const hosts = await startHosts({ topology: 'auto' });
    const first = await hosts.coordinator.until(({ event }) => event === 'ready');
    expect(first.network).toMatchObject({ topology: 'direct', hosts: 2 });
    await hosts.coordinator.untilStep(30);
    for (const name of lost) hosts.workers.get(name)!.child.kill('SIGKILL');
    const isRegrouped = ({ event, members }: { event: string; members?: unknown }): boolean =>
      event === 'ready' && (members as unknown[]).length === left.length;
    const { members, network } = await hosts.coordinator.until(isRegrouped);
    // Not measured again; a host that is alone has nothing to choose.
    expect(network).toEqual(lost.length === 1 ? first.network : null);
    expect((members as { worker: string }[]).map(({ worker }) => worker)).toEqual(left);
    await expectBitsOfOne(hosts);
  });
});
