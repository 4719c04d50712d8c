import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  doneOf,
  GANTRY,
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
import { SshHosts, sshProblem } from '../support/ssh-hosts.js';

const STEPS = 150;
const STEPS_ENDLESS = 1_000_000;
const STEPS_APART = 20;
const HOSTS = 3;

const problem = sshProblem();
const work = new Workspace();
const keys = join(work.path, 'keys');

async function bitsOfOne(steps: number): Promise<unknown> {
  return doneOf(await gantry(trainArguments(work.run(), { steps, workers: 1 }))).stateSha256;
}

describe.skipIf(problem !== '')(`hosts with ssh${problem === '' ? '' : ` (skipped: ${problem})`}`, () => {
  let hosts: SshHosts;
  let alone: unknown;
  const started: GantryProcess[] = [];

  beforeAll(async () => {
    hosts = await SshHosts.start(HOSTS);
    expect((await gantry(['keygen', '--out', keys, '--workers', String(HOSTS)])).code).toBe(0);
    alone = await bitsOfOne(STEPS);
  });

  afterAll(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await hosts?.end();
    work.remove();
  });

  function hostList(command = GANTRY_COMMAND): { host: string; command: string }[] {
    return hosts.machines.map(({ name }) => ({ host: name, command }));
  }

  /** The example, with the run of {@link trainArguments} and these hosts. */
  function launchOf({ steps = STEPS, checkpointEvery = 100, ssh = {}, ...settings }: ClusterSettings = {}): Launch {
    const example = exampleOf('ssh');
    const small = { dataset: 'mnist', batch: 16, seed: 7, sampleEvery: 0, steps, checkpointEvery };
    const run = { ...(example.run as object), ...small };
    return new Launch(
      (settings.out as string | undefined) ?? work.run(),
      { ...example, keys, run, ...settings, ssh: { hosts: hostList(), config: hosts.configFile, ...(ssh as object) } },
      {},
      { within: hosts.within() },
    );
  }

  function start(launch: Launch): GantryProcess {
    const run = launch.start();
    started.push(run);
    return run;
  }

  /** Of a run, on hosts that are up. */
  async function processes(): Promise<string[]> {
    const up = hosts.machines.flatMap(({ isUp }, host) => (isUp ? [host] : []));
    const lists = await Promise.all(up.map((host) => hosts.run(host, 'ps -eo args')));
    return lists.flatMap((list) => list.split('\n')).filter((line) => line.includes(GANTRY));
  }

  async function expectNothingLeft(): Promise<void> {
    await expect.poll(processes, { timeout: 60_000, interval: 200 }).toEqual([]);
  }

  it('the example: a worker on each, as a machine of its own, the bits of one process, and nothing left', async () => {
    const launch = launchOf();
    const run = start(launch);
    const ready = await run.until(({ event }) => event === 'ready');
    expect(ready.network).toMatchObject({ hosts: HOSTS });
    expect(await processes()).toHaveLength(HOSTS);
    const finished = await run.finished;
    expect(doneOf(finished).stateSha256).toBe(alone);
    expect(finished.stderr).toMatch(/checked +Gantry \S+ on host-0, host-0 is fit/);
    await expectNothingLeft();
  });

  it('is scaled 2 to 3 to 1, stopped, launched again, and leaves no process when its launcher is killed', async () => {
    const launch = launchOf({ workers: 2, steps: STEPS_ENDLESS });
    const run = start(launch);
    await run.untilStep(STEPS_APART);
    await launch.act('scale', '3');
    await untilMembers(run, 3);
    await run.progressed(STEPS_APART);
    await launch.act('scale', '1');
    await untilMembers(run, 1);
    expect(membersOf(run)).toEqual(['worker-0']);
    await run.progressed(STEPS_APART);
    expect(lostOf(run)).toEqual([]);
    const stop = await launch.act('stop');
    expect([stop.code, stop.stderr]).toEqual([0, expect.stringMatching(/stopped +ssh/)]);
    const done = doneOf(await run.finished);
    expect(done.stateSha256).toBe(await bitsOfOne(done.step as number));
    await expectNothingLeft();

    const again = start(launch);
    expect(await again.until(({ event }) => event === 'start')).toMatchObject({ fromStep: done.step });
    await again.untilStep((done.step as number) + STEPS_APART);
    expect(await processes()).toHaveLength(2);
    again.child.kill('SIGKILL');
    await again.finished;
    await expectNothingLeft();
  });

  it.each([
    [
      'a host that nobody knows',
      () => ({ ssh: { hosts: [...hostList().slice(0, 2), { host: 'host-9', command: GANTRY_COMMAND }] } }),
      /^nothing was started:\n {2}Gantry \S+ on host-9: .*host-9/,
    ],
    [
      'another version on one of them',
      () => {
        const other = join(work.path, 'other-gantry');
        writeFileSync(other, '#!/bin/sh\necho gantry 0.0.9\n');
        chmodSync(other, 0o755);
        return { ssh: { hosts: [...hostList().slice(0, 2), { host: 'host-2', command: other }] } };
      },
      /on host-2: printed gantry 0\.0\.9, not gantry \S+\. Every host needs the same version/,
    ],
    [
      'no Gantry on one of them',
      () => ({ ssh: { hosts: [...hostList().slice(0, 2), { host: 'host-2', command: 'no-such-gantry' }] } }),
      /^nothing was started:\n {2}Gantry \S+ on host-2: .*no-such-gantry.*not found\. Every host needs/,
    ],
    ['no keys', () => ({ keys: join(work.path, 'nowhere') }), /nowhere holds no keys.*gantry keygen --out/],
    [
      'a key too few',
      () => ({ workers: 4, ssh: { hosts: hostList().map((host) => ({ ...host, workers: 2 })) } }),
      /has keys for 3 workers, and 4 are wanted: npx gantry keygen --add/,
    ],
  ])('says in one message what is wrong, and starts nothing: %s', async (_, settings, message) => {
    const failed = await start(launchOf(settings())).finished;
    const told = onlyErrorOf(failed).message as string;
    expect(told).toMatch(message);
    // What one host lacks is told once, however many things are looked at there.
    expect(told.match(/on host-\d|host-\d is fit/g)?.length ?? 0).toBeLessThanOrEqual(1);
    expect(failed.events).toHaveLength(1);
    expect(await processes()).toEqual([]);
  });

  it('says that the disk has become full, and leaves nothing; with room it goes on', async (context) => {
    const disk = SmallDisk.mount(join(work.path, 'disk'), 64);
    if (disk === null) return context.skip();
    context.onTestFinished(() => disk.unmount());
    const launch = launchOf({ out: join(disk.path, 'run'), steps: STEPS_ENDLESS, checkpointEvery: 20 });
    const run = start(launch);
    await run.until(({ event }) => event === 'checkpoint');
    disk.fill();
    expect(onlyErrorOf(await run.finished)).toMatchObject({
      code: 'GANTRY_DISK_FULL',
      message: expect.stringMatching(/no room to write .*free some space/),
    });
    await expectNothingLeft();
    disk.empty();
    const again = start(launch);
    expect((await again.until(({ event }) => event === 'start')).fromStep).toBeGreaterThanOrEqual(20);
    again.child.kill('SIGKILL');
    await again.finished;
    await expectNothingLeft();
  });

  it('gantry doctor --cluster measures every way, and names the one that is blocked', async () => {
    const launch = launchOf();
    const doctor = () => gantry(['doctor', '--cluster', launch.file], {}, { within: hosts.within() });
    const well = await doctor();
    expect([well.code, well.stdout]).toEqual([0, expect.stringMatching(/from \\ to +this machine +host-0 +host-1/)]);
    expect(well.stdout).toMatch(/^host-2 +[\d.,]+ ms, [\d.,]+ Mbit\/s/m);
    // Only this way: host-1 still answers whom it is asked by.
    await hosts.run(1, `ip route add blackhole ${hosts.machines[2]!.address}/32`);
    const blocked = await doctor();
    expect(blocked.code).toBe(1);
    expect(blocked.stdout).toMatch(/host-1 +to host-2 .*cannot be reached/);
    await hosts.run(1, `ip route del blackhole ${hosts.machines[2]!.address}/32`);
    await expectNothingLeft();
  });

  it('one loses its power in the middle: the others end in the same bits', async () => {
    const run = start(launchOf());
    await run.untilStep(40);
    await hosts.powerOff(1);
    const finished = await run.finished;
    expect(doneOf(finished).stateSha256).toBe(alone);
    expect(lostOf(run)).toEqual(['worker-1']);
    await expectNothingLeft();
  });

  it('one that has no power when it begins is named in one message, and nothing is started on the others', async () => {
    await hosts.powerOff(1);
    const failed = await start(launchOf()).finished;
    expect(onlyErrorOf(failed)).toMatchObject({
      code: 'GANTRY_LAUNCH_FAILED',
      message: expect.stringMatching(
        /^nothing was started:\n {2}Gantry \S+ on host-1: [^\n]*Is it up, [^\n]*ssh host-1 true[^\n]*$/,
      ),
    });
    expect(failed.events).toHaveLength(1);
    expect(await processes()).toEqual([]);
  });
});
