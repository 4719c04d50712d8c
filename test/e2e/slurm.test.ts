import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  doneOf,
  eventually,
  type GantryProcess,
  gantry,
  onlyErrorOf,
  trainArguments,
  Workspace,
} from '../support/gantry.js';
import {
  type ClusterSettings,
  exampleOf,
  GANTRY_COMMAND,
  Launch,
  lostOf,
  membersOf,
  untilMembers,
} from '../support/launch.js';
import { SmallDisk } from '../support/scarcity.js';
import { SlurmCluster, slurmProblem } from '../support/slurm.js';

const STEPS = 100;
/** Never reached: Slurm takes its time to act, so what is to happen in the middle has no end to race with. */
const STEPS_ENDLESS = 1_000_000;
/** From one thing that happens to the next. */
const STEPS_APART = 20;
const NODES = 3;
const WORKERS_MAX = 4;

const problem = slurmProblem();
const work = new Workspace();

async function bitsOfOne(steps: number): Promise<unknown> {
  return doneOf(await gantry(trainArguments(work.run(), { steps, workers: 1 }))).stateSha256;
}

describe.skipIf(problem !== '')(`Slurm${problem === '' ? '' : ` (skipped: ${problem})`}`, () => {
  let cluster: SlurmCluster;
  let disk: SmallDisk;
  let launches = 0;
  const started: GantryProcess[] = [];
  const keys = () => join(cluster.folder, 'keys');

  beforeAll(async () => {
    // The nodes see what is mounted when they start.
    disk = SmallDisk.mount(join(work.path, 'disk'), 64)!;
    cluster = await SlurmCluster.start({ nodes: NODES });
    expect((await gantry(['keygen', '--out', keys(), '--workers', String(WORKERS_MAX)])).code).toBe(0);
  });

  afterAll(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await cluster?.end();
    disk?.unmount();
    work.remove();
  });

  /** The run of {@link trainArguments}, as a cluster file. */
  function launchOf(
    { steps = STEPS_ENDLESS, checkpointEvery = 100, slurm = {}, ...settings }: ClusterSettings = {},
    env: Readonly<Record<string, string>> = cluster.env,
  ): Launch {
    const out = (settings.out as string | undefined) ?? join(cluster.folder, `run-${launches++}`);
    return new Launch(
      out,
      {
        launcher: 'slurm',
        name: 'small',
        keys: keys(),
        run: { dataset: 'mnist', shards: 4, batch: 16, steps, seed: 7, sampleEvery: 0, checkpointEvery },
        slurm: { partition: 'train', command: GANTRY_COMMAND, ...(slurm as object) },
        ...settings,
      },
      env,
      { within: cluster.within() },
    );
  }

  function start(launch: Launch): GantryProcess {
    const run = launch.start();
    started.push(run);
    return run;
  }

  /** A stand-in for Gantry's command, which writes down what device Slurm gave it, and becomes it. */
  function tellingDevices(): { command: string; devices: () => string[] } {
    const command = join(cluster.folder, 'telling-gantry');
    const told = `${command}.devices`;
    const script = `#!/bin/sh\necho "\${CUDA_VISIBLE_DEVICES:-none}" >> ${told}\nexec ${GANTRY_COMMAND} "$@"\n`;
    writeFileSync(command, script, { mode: 0o755 });
    return { command, devices: () => readFileSync(told, 'utf8').trim().split('\n').sort() };
  }

  /** A worker on each node. */
  const onEveryNode = { workers: NODES, slurm: { nodes: NODES, options: ['--ntasks-per-node=1'] } };

  function jobs(): Promise<string> {
    return cluster.run('squeue', '--noheader', '--format=%i %j %T');
  }

  /** Whether a process with such a command line runs; pgrep itself is none. */
  const isCalled = (pattern: string): boolean => spawnSync('pgrep', ['-f', pattern]).status === 0;

  async function expectNothingLeft(): Promise<void> {
    await cluster.until(async () => (await jobs()) === '', 'no job is left');
    await eventually(() => cluster.processesOfJobs().length === 0, 'no process of a job is left');
    // Nor of the launcher's own, which followed the job.
    await eventually(() => !isCalled(`${cluster.folder}/.*control[.]sh`), 'no process of the launcher is left');
  }

  /** Saved and ended, in the bits of an undisturbed run of as many steps. */
  async function expectBitsWhenStopped(launch: Launch, run: GantryProcess): Promise<number> {
    const stop = await launch.act('stop');
    expect([stop.code, stop.stderr]).toEqual([0, expect.stringMatching(/stopped +small/)]);
    const done = doneOf(await run.finished);
    expect(done.interrupted).toBe(true);
    await expectNothingLeft();
    expect(done.stateSha256).toBe(await bitsOfOne(done.step as number));
    return done.step as number;
  }

  it('the example trains to the bits of one process, each node a host', async () => {
    const example = exampleOf('slurm');
    const run = { ...(example.run as object), steps: STEPS, batch: 16, seed: 7, sampleEvery: 0 };
    const launch = launchOf({
      ...example,
      ...onEveryNode,
      keys: keys(),
      out: join(cluster.folder, 'example'),
      run,
      slurm: { ...(example.slurm as object), ...onEveryNode.slurm, command: GANTRY_COMMAND },
    });
    const launched = start(launch);
    const ready = await launched.until(({ event }) => event === 'ready');
    expect(ready.network).toMatchObject({ hosts: NODES });
    const status = await launch.act('status');
    expect(status.stdout).toMatch(/slurm +RUNNING[\s\S]*coordinator[\s\S]*worker-2/);
    expect(doneOf(await launched.finished).stateSha256).toBe(await bitsOfOne(STEPS));
    const logs = readdirSync(join(`${launch.out}.launch`, 'logs'));
    expect(logs).toEqual(expect.arrayContaining(['coordinator.log', 'worker-0.log', 'worker-1.log', 'worker-2.log']));
    expect((await launch.act('logs')).stdout).toMatch(/^coordinator \{"event":"start"/m);
    await expectNothingLeft();
  });

  it('gives way to a job that preempts it, saved, is put back into the queue, and goes on', async () => {
    const launch = launchOf(onEveryNode);
    const run = start(launch);
    await run.untilStep(STEPS_APART);
    const urgent = await cluster.submit(
      `#!/bin/sh\nsleep 1\n`,
      `--nodes=${NODES}`,
      '--exclusive',
      '--partition=urgent',
    );
    await cluster.untilState(urgent, 'COMPLETED');
    await run.until(({ event, fromStep }) => event === 'start' && (fromStep as number) > 0);
    await run.progressed(STEPS_APART);
    await expectBitsWhenStopped(launch, run);
    const { stderr } = await run.finished;
    expect(stderr).toMatch(/gave way +after step \d+, saved/);
    expect(stderr).toMatch(/job \d+ waits/);
  });

  it('a worker’s step is cancelled, and then a node set down: the others train on', async () => {
    const launch = launchOf({ ...onEveryNode });
    const run = start(launch);
    await run.untilStep(STEPS_APART);
    const steps = await cluster.run('squeue', '--steps', '--noheader', '--format=%i %j');
    await cluster.run('scancel', /^(\S+) worker-1$/m.exec(steps)![1]!);
    await run.until(() => lostOf(run).includes('worker-1'));
    // It is started again, and joins.
    await untilMembers(run, NODES);
    await run.until(({ event, generation }) => event === 'ready' && (generation as number) >= 3);
    await cluster.run('scontrol', 'update', 'nodename=node-2', 'state=down', 'reason=test');
    await run.until(() => lostOf(run).includes('worker-2'));
    await run.progressed(STEPS_APART);
    await expectBitsWhenStopped(launch, run);
    await cluster.run('scontrol', 'update', 'nodename=node-2', 'state=resume');
  });

  it('is scaled 2 to 4 to 1, while it trains', async () => {
    const { command, devices } = tellingDevices();
    const launch = launchOf({ workers: 2, resources: { gpus: 1 }, slurm: { nodes: 1, command } });
    const run = start(launch);
    await run.untilStep(STEPS_APART);
    // One each, and the coordinator has none.
    expect(devices()).toEqual(['0', '1', 'none']);
    expect((await launch.act('scale', '4')).code).toBe(0);
    await untilMembers(run, 4);
    await run.progressed(STEPS_APART);
    await launch.act('scale', '1');
    await untilMembers(run, 1);
    expect(membersOf(run)).toEqual(['worker-0']);
    await run.progressed(STEPS_APART);
    // They were told to go, and went.
    expect(lostOf(run)).toEqual([]);
    await expectBitsWhenStopped(launch, run);
  });

  it('goes on when it is launched again; with its launcher the job ends', async () => {
    const launch = launchOf();
    const run = start(launch);
    await run.untilStep(STEPS_APART);
    const step = await expectBitsWhenStopped(launch, run);
    const again = start(launch);
    expect(await again.until(({ event }) => event === 'start')).toMatchObject({ fromStep: step });
    await again.untilStep(step + STEPS_APART);
    again.child.kill('SIGKILL');
    await again.finished;
    await expectNothingLeft();
  });

  it.each([
    ['an unknown partition', { slurm: { partition: 'nope' } }, /partition nope: .*one of those that sinfo shows/],
    [
      'no key for a worker',
      { workers: 5, run: { shards: 8, batch: 16 } },
      /has keys for 4 workers, and 5 are wanted: npx gantry keygen --add/,
    ],
    [
      'Gantry not found on the node',
      { slurm: { command: 'no-such-gantry' } },
      /did not find Gantry on its node: .*no-such-gantry.*slurm\.command/,
    ],
    ['no keys', { keys: join(work.path, 'nowhere') }, /nowhere holds no keys.*gantry keygen --out/],
    [
      'a node that is not there',
      { slurm: { options: ['--nodelist=node-9'] } },
      /sbatch: error: .*[Ii]nvalid node name/,
    ],
    ['more time than the partition gives', { slurm: { time: '2-0' } }, /PartitionTimeLimit/],
  ])('says in one message what is wrong, and leaves nothing: %s', async (_, settings, message) => {
    const failed = await start(launchOf(settings)).finished;
    expect(onlyErrorOf(failed).message).toMatch(message);
    await expectNothingLeft();
  });

  it('ends where a worker does not come before training has begun, and says which', async () => {
    const command = join(cluster.folder, 'failing-gantry');
    const script = `#!/bin/sh\nif [ "$GANTRY_WORKER" = worker-1 ]; then exit 3; fi\nexec ${GANTRY_COMMAND} "$@"\n`;
    writeFileSync(command, script, { mode: 0o755 });
    const run = { dataset: 'mnist', shards: 4, batch: 16, steps: STEPS, sampleEvery: 0, maxRestarts: 1 };
    const failed = await start(launchOf({ run, slurm: { command } })).finished;
    expect(onlyErrorOf(failed)).toMatchObject({
      code: 'GANTRY_LAUNCH_FAILED',
      message: expect.stringMatching(/training cannot begin: worker-1 on \S+ ended with 3\. It was started 2 times/),
    });
    await expectNothingLeft();
  });

  it('says that the controller cannot be reached, and nothing else', async () => {
    const nobody = join(work.path, 'nobody.conf');
    writeFileSync(nobody, `${readFileSync(cluster.env.SLURM_CONF!, 'utf8')}\nSlurmctldPort=1\n`);
    const failed = await start(launchOf({}, { SLURM_CONF: nobody })).finished;
    expect(onlyErrorOf(failed)).toMatchObject({
      code: 'GANTRY_LAUNCH_FAILED',
      message: expect.stringMatching(/^nothing was started:\n {2}Slurm answers: [^\n]*scontrol ping[^\n]*$/),
    });
    await expectNothingLeft();
  });

  it('says that the disk is full when it begins, and starts nothing', async () => {
    const launch = launchOf({ out: join(disk.path, 'full') });
    disk.fill();
    const failed = await start(launch).finished;
    disk.empty();
    expect(onlyErrorOf(failed)).toMatchObject({
      code: 'GANTRY_DISK_FULL',
      message: expect.stringMatching(/no room to write \S+full\.launch/),
    });
    await expectNothingLeft();
  });

  it('says that the disk has become full, and leaves nothing; with room it goes on', async () => {
    const launch = launchOf({ out: join(disk.path, 'run'), checkpointEvery: 20 });
    const run = start(launch);
    await run.until(({ event }) => event === 'checkpoint');
    disk.fill();
    const failed = await run.finished;
    disk.empty();
    expect(onlyErrorOf(failed)).toMatchObject({
      code: 'GANTRY_DISK_FULL',
      message: expect.stringMatching(/no room to write .*free some space/),
    });
    await expectNothingLeft();
    const again = start(launch);
    expect((await again.until(({ event }) => event === 'start')).fromStep).toBeGreaterThanOrEqual(20);
    await again.until(({ event }) => event === 'progress');
    again.child.kill('SIGINT');
    expect(doneOf(await again.finished).interrupted).toBe(true);
    await expectNothingLeft();
  });
});
