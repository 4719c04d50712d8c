import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  doneOf,
  errorOf,
  GantryProcess,
  gantry,
  onlyErrorOf,
  trainArguments,
  Workspace,
  workersOf,
} from '../support/gantry.js';
import { SmallDisk } from '../support/scarcity.js';

const STEPS = 300;
const work = new Workspace();
afterAll(() => work.remove());

/** A cluster file of launcher local in a folder of its own; the run directory is beside it. */
function cluster(
  settings: Record<string, unknown> = {},
  run: Record<string, unknown> = {},
): { file: string; out: string } {
  const folder = work.run();
  const file = join(dirname(folder), `${folder.split('/').at(-1)}.yaml`);
  const small = { dataset: 'mnist', shards: 4, batch: 16, steps: STEPS, seed: 7, sampleEvery: 0, ...run };
  writeFileSync(
    file,
    stringify({ launcher: 'local', name: 'small', workers: 2, out: folder, run: small, ...settings }),
  );
  return { file, out: folder };
}

let reference: Promise<string> | undefined;
function referenceHash(): Promise<string> {
  reference ??= gantry(trainArguments(work.run(), { workers: 1 })).then((run) => doneOf(run).stateSha256 as string);
  return reference;
}

/** Of the newest generation. */
function membersOf(run: GantryProcess): string[] {
  const ready = run.events.findLast(({ event }) => event === 'ready');
  return ((ready?.members ?? []) as { worker: string }[]).map(({ worker }) => worker).sort();
}

function membersBecome(run: GantryProcess, count: number): Promise<unknown> {
  return run.until(({ event }) => event === 'ready' && membersOf(run).length === count);
}

function lives(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

async function ended(pids: readonly number[]): Promise<void> {
  await expect.poll(() => pids.filter(lives), { timeout: 60_000 }).toEqual([]);
}

describe('gantry launch, launcher local', () => {
  it('trains to the bits of one worker, and leaves logs and a record', async () => {
    const { file, out } = cluster();
    const run = new GantryProcess(['launch', '-f', file, '--json']);
    await run.untilStep(1);
    const pids = workersOf(run.pid);
    const done = doneOf(await run.finished);
    expect(done.stateSha256).toBe(await referenceHash());
    expect(readdirSync(join(`${out}.launch`, 'logs')).sort()).toEqual([
      'coordinator.log',
      'worker-0.log',
      'worker-1.log',
    ]);
    await ended(pids);
    const status = await gantry(['launch', 'status', '-f', file]);
    expect([status.code, status.stderr]).toEqual([1, expect.stringMatching(/does not run any more.*gantry launch -f/)]);
  });

  it('is scaled from another terminal, 2 to 4 to 1, in the same bits', async () => {
    const { file } = cluster({}, { steps: 900 });
    const run = new GantryProcess(['launch', '-f', file, '--json']);
    await run.untilStep(10);
    const scaled = await gantry(['launch', 'scale', '4', '-f', file]);
    expect([scaled.code, scaled.stderr]).toEqual([0, expect.stringMatching(/asked for 4 workers/)]);
    const tooMany = await gantry(['launch', 'scale', '5', '-f', file]);
    expect(tooMany.stderr).toMatch(
      /5 workers are more than \S+ takes: 4, by maxWorkers, or one for each of its shards/,
    );
    await membersBecome(run, 4);
    const status = await gantry(['launch', 'status', '-f', file]);
    expect(status.stdout).toMatch(/launch +small: local, 4 workers, by process \d+/);
    expect(status.stdout).toMatch(/worker-3/);
    await gantry(['launch', 'scale', '1', '-f', file]);
    await membersBecome(run, 1);
    expect(membersOf(run)).toEqual(['worker-0']);
    const done = doneOf(await run.finished);
    const undisturbed = doneOf(await gantry(trainArguments(work.run(), { workers: 1, steps: 900 })));
    expect(done.stateSha256).toBe(undisturbed.stateSha256);
    // They were told to go, and went: nobody was lost.
    expect(run.events.filter(({ event }) => event === 'worker-lost')).toEqual([]);
  });

  it('is stopped from another terminal, saved, and goes on when it is launched again', async () => {
    const { file } = cluster();
    const first = new GantryProcess(['launch', '-f', file, '--json']);
    await first.untilStep(30);
    const pids = workersOf(first.pid);
    const stop = await gantry(['launch', 'stop', '-f', file]);
    expect([stop.code, stop.stderr]).toEqual([0, expect.stringMatching(/stopped +small/)]);
    expect(doneOf(await first.finished).interrupted).toBe(true);
    await ended(pids);
    const again = doneOf(await gantry(['launch', '-f', file, '--json']));
    expect(again).toMatchObject({ step: STEPS, stateSha256: await referenceHash() });
  });

  it('starts a worker again that was killed, and ends in the same bits', async () => {
    const { file } = cluster();
    const run = new GantryProcess(['launch', '-f', file, '--json']);
    const ready = await run.until(({ event }) => event === 'ready');
    await run.untilStep(20);
    const [victim] = ready.members as { worker: string; pid: number }[];
    process.kill(victim!.pid, 'SIGKILL');
    const finished = await run.finished;
    expect(doneOf(finished).stateSha256).toBe(await referenceHash());
    expect(finished.stderr).toMatch(
      new RegExp(`${victim!.worker} on this machine was ended by SIGKILL.*started again`),
    );
  });

  it('puts another coordinator in the place of one that was killed; the workers wait for it', async () => {
    const { file, out } = cluster();
    const run = new GantryProcess(['launch', '-f', file, '--json']);
    await run.untilStep(40);
    const status = JSON.parse((await gantry(['status', '--out', out, '--json'])).stdout) as { owner: { pid: number } };
    process.kill(status.owner.pid, 'SIGKILL');
    const finished = await run.finished;
    expect(doneOf(finished).stateSha256).toBe(await referenceHash());
    expect(finished.stderr).toMatch(/the coordinator was ended by SIGKILL.*another takes over/);
    expect(finished.events.filter(({ event }) => event === 'start')).toHaveLength(2);
  });

  it('leaves nothing running when the launcher is killed', async () => {
    const { file } = cluster({}, { steps: 1_000_000 });
    const run = new GantryProcess(['launch', '-f', file, '--json']);
    await run.untilStep(10);
    const pids = workersOf(run.pid);
    expect(pids.length).toBe(3);
    run.child.kill('SIGKILL');
    await run.finished;
    await ended(pids);
  });

  it('is refused a second time while it runs', async () => {
    const { file } = cluster({}, { steps: 1_000_000 });
    const run = new GantryProcess(['launch', '-f', file, '--json']);
    await run.untilStep(1);
    const second = await gantry(['launch', '-f', file, '--json']);
    expect(errorOf(second)).toMatchObject({
      code: 'GANTRY_RUN_LOCKED',
      message: expect.stringMatching(/launched already, by process \d+: npx gantry launch stop -f/),
    });
    run.child.kill('SIGINT');
    expect(doneOf(await run.finished).interrupted).toBe(true);
  });

  it('tells what a cluster file has wrong, with line and column, and starts nothing', async () => {
    const { file, out } = cluster({ launcher: 'lokal', wokers: 2 });
    const refused = await gantry(['launch', '-f', file]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/yaml:1:1: launcher is lokal, which must be one of local, ssh.*mean local/);
    expect(refused.stderr).toMatch(/wokers is no known key\..*workers/);
    expect(existsSync(`${out}.launch`)).toBe(false);
  });

  it('prints what it would do, and does nothing', async () => {
    const { file, out } = cluster();
    const dry = await gantry(['launch', '-f', file, '--dry-run']);
    expect(dry.code).toBe(0);
    expect(dry.stdout).toMatch(/# file .*gantry\.yaml[\s\S]*# coordinator, on this machine\n.* coordinator --continue/);
    expect(dry.stdout.match(/^# worker-\d, on this machine$/gm)).toHaveLength(2);
    expect(existsSync(`${out}.launch`)).toBe(false);
  });
});

describe('gantry launch, launcher local: each fault is told once, and nothing is left', () => {
  it.each([
    ['no keys', 'nowhere', 2, /nowhere holds no keys .*gantry keygen --out/],
    [
      'a key too few',
      'keys',
      4,
      /has keys for 3 workers, and 4 are wanted: npx gantry keygen --add .* --worker worker-3/,
    ],
  ])('%s', async (_, folder, workers, message) => {
    const keys = join(work.path, folder);
    if (folder === 'keys') await gantry(['keygen', '--out', keys, '--workers', '3']);
    const { file, out } = cluster({ keys, workers });
    const refused = onlyErrorOf(await gantry(['launch', '-f', file, '--json']));
    expect(refused).toMatchObject({ code: 'GANTRY_KEYS_INVALID', message: expect.stringMatching(message) });
    expect(existsSync(`${out}.launch`)).toBe(false);
  });

  it('an address that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { file } = cluster({ port });
    const run = new GantryProcess(['launch', '-f', file, '--json']);
    const failed = onlyErrorOf(await run.finished);
    server.close();
    expect(failed).toMatchObject({ code: 'GANTRY_TRANSPORT_FAILED', message: expect.stringContaining(String(port)) });
    await ended(workersOf(run.pid));
  });

  it('a worker that does not come, before there is anything to go on with', async () => {
    const { file } = cluster({}, { maxRestarts: 1 });
    const run = new GantryProcess(['launch', '-f', file, '--json']);
    await run.until(({ event }) => event === 'start');
    const isVictim = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker-1');
    for (let killed = 0, last = 0; killed < 2; killed++) {
      const find = () => workersOf(run.pid).find((pid) => pid !== last && isVictim(pid));
      await expect.poll(find).toBeDefined();
      last = find()!;
      process.kill(last, 'SIGKILL');
    }
    const pids = workersOf(run.pid);
    expect(onlyErrorOf(await run.finished)).toMatchObject({
      code: 'GANTRY_LAUNCH_FAILED',
      message: expect.stringMatching(
        /cannot begin: worker-1 on this machine was ended by SIGKILL.*2 times\. All it said is in \S+worker-1\.log/,
      ),
    });
    await ended(pids);
  });

  /** With root's rights, which a mount needs, and without one there is no such disk. */
  const disk = SmallDisk.mount(join(work.path, 'disk'), 64);
  afterAll(() => disk?.unmount());

  it.skipIf(disk === null)('a disk that is full when it begins', async () => {
    disk!.fill();
    const { file } = cluster({ out: join(disk!.path, 'full') });
    const failed = onlyErrorOf(await gantry(['launch', '-f', file, '--json']));
    disk!.empty();
    expect(failed).toMatchObject({
      code: 'GANTRY_DISK_FULL',
      message: expect.stringMatching(/no room to write \S+full\.launch.*use another out in the cluster file/),
    });
  });

  it.skipIf(disk === null)('a disk that becomes full; with room it goes on', async () => {
    const { file } = cluster({ out: join(disk!.path, 'run') }, { checkpointEvery: 20, steps: 1_000_000 });
    const run = new GantryProcess(['launch', '-f', file, '--json']);
    await run.until(({ event }) => event === 'checkpoint');
    const pids = workersOf(run.pid);
    disk!.fill();
    const finished = await run.finished;
    expect(finished.stderr).not.toMatch(/no room to write/);
    expect(onlyErrorOf(finished)).toMatchObject({
      code: 'GANTRY_DISK_FULL',
      message: expect.stringMatching(/no room to write .*free some space.* step \d+/),
    });
    await ended(pids);
    disk!.empty();
    const again = new GantryProcess(['launch', '-f', file, '--json']);
    const { fromStep } = await again.until(({ event }) => event === 'start');
    expect(fromStep).toBeGreaterThanOrEqual(20);
    again.child.kill('SIGINT');
    await again.finished;
  });
});
