import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  doneOf,
  type Event,
  eventually,
  GANTRY,
  GantryProcess,
  gantry,
  trainArguments,
  Workspace,
} from '../support/gantry.js';
import { SshHosts, sshProblem } from '../support/ssh-hosts.js';

const STEPS = 150;
const HOSTS = 3;

const problem = sshProblem();
const work = new Workspace();
const keys = join(work.path, 'keys');

describe.skipIf(problem !== '')(`hosts with ssh${problem === '' ? '' : ` (skipped: ${problem})`}`, () => {
  let hosts: SshHosts;
  let alone: unknown;
  const started: GantryProcess[] = [];

  beforeAll(async () => {
    hosts = await SshHosts.start(HOSTS);
    const names = hosts.machines.map(({ name }) => name);
    expect((await gantry(['keygen', '--out', keys, '--worker', ...names])).code).toBe(0);
    alone = doneOf(await gantry(trainArguments(work.run(), { steps: STEPS, workers: 1 }))).stateSha256;
  });

  afterAll(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await hosts?.end();
    work.remove();
  });

  function start(args: readonly string[], within: readonly string[]): GantryProcess {
    const process = new GantryProcess(args, {}, { within });
    started.push(process);
    return process;
  }

  /** A coordinator here, and a worker on each host, encrypted. */
  async function startRun() {
    const [, ...options] = trainArguments(work.run(), { steps: STEPS, workers: HOSTS });
    const bind = `tcp://${hosts.address}:0`;
    const coordinator = start(['coordinator', '--keys', keys, '--bind', bind, ...options], hosts.within());
    const endpoint = (await coordinator.until(({ event }) => event === 'start')).endpoint as string;
    const workers = hosts.machines.map(({ name }, host) => {
      return start(['worker', '--join', endpoint, '--keys', join(keys, `${name}.key`)], hosts.through(host));
    });
    return { coordinator, workers };
  }

  async function expectNothingLeft(): Promise<void> {
    const processes = async (): Promise<string> => {
      const up = hosts.machines.flatMap(({ isUp }, host) => (isUp ? [host] : []));
      return (await Promise.all(up.map((host) => hosts.run(host, 'ps -eo args')))).join('\n');
    };
    for (let tries = 0; tries < 50 && (await processes()).includes(GANTRY); tries++) await pause();
    expect(await processes()).not.toContain(GANTRY);
  }

  it('each runs a worker, as a machine of its own: the bits of one process, and nothing left', async () => {
    expect(await hosts.run(1, 'hostname')).toBe('host-1');
    const { coordinator, workers } = await startRun();
    const ready = await coordinator.until(({ event }) => event === 'ready');
    expect(ready.network).toMatchObject({ hosts: HOSTS });
    expect(doneOf(await coordinator.finished).stateSha256).toBe(alone);
    for (const worker of workers) expect((await worker.finished).code).toBe(0);
    await expectNothingLeft();
  });

  it('one loses its power in the middle: the others end in the same bits', async () => {
    const { coordinator, workers } = await startRun();
    await coordinator.untilStep(40);
    await hosts.powerOff(1);
    expect(doneOf(await coordinator.finished).stateSha256).toBe(alone);
    const lost = coordinator.events.filter(({ event }: Event) => event === 'worker-lost');
    expect(lost.map(({ worker }) => worker)).toEqual(['host-1']);
    for (const host of [0, 2]) expect((await workers[host]!.finished).code).toBe(0);
    // ssh itself notices nothing: neither end of its connection was closed.
    await eventually(() => workers[1]!.child.exitCode === null, 'the ssh to the dead host still waits');
    await expectNothingLeft();
  });
});

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}
