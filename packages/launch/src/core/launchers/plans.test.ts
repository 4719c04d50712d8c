import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CONTEXT, clusterOf } from '../../testing/clusters.js';
import type { AttachedPlan, SubmittedPlan } from '../plan.js';
import { printPlan } from '../print-plan.js';
import { planLaunch } from './index.js';

const run = { preset: 'mlp', shards: 4, steps: 300 };

describe('launcher local', () => {
  it('has a coordinator on the loopback, and workers that leave with the launcher', async () => {
    const plan = planLaunch(
      await clusterOf({ launcher: 'local', run, environment: { A: 'b c' } }),
      CONTEXT,
    ) as AttachedPlan;
    const { argv, env } = plan.coordinator.command;
    expect(argv.slice(0, 5)).toEqual(['node', 'gantry.js', 'coordinator', '--continue', '--json']);
    expect(argv).toContain('tcp://127.0.0.1:0');
    expect(env).toEqual({ A: 'b c', GANTRY_LEAVE_ON_EOF: '1' });
    expect(plan.places[1]!.command).toEqual({ argv: ['node', 'gantry.js', 'worker', '--worker', 'worker-1'], env });
    expect(parse(plan.files[0]!.text)).toEqual({ ...run, workers: 2 });
    expect(printPlan(plan, 1)).toContain("A='b c' GANTRY_LEAVE_ON_EOF=1 node gantry.js worker --worker worker-0");
  });
  it('with keys has places for those who have one', async () => {
    const cluster = await clusterOf({ launcher: 'local', keys: 'keys', run });
    const plan = planLaunch(cluster, { ...CONTEXT, workerKeys: ['alice', 'worker-0'] }) as AttachedPlan;
    expect(plan.places.map(({ name }) => name)).toEqual(['alice', 'worker-0']);
    expect(plan.places[0]!.command.argv).toContain(`${cluster.keys}/alice.key`);
    expect(() => planLaunch(cluster, { ...CONTEXT, workerKeys: ['alice'] })).toThrow(/--worker worker-0/);
  });
  it('gives workers their turn at several devices', async () => {
    const file = { launcher: 'local', run: { ...run, device: 'cuda:0,cuda:1' } };
    const plan = planLaunch(await clusterOf(file), CONTEXT) as AttachedPlan;
    const devices = plan.places.slice(0, 3).map(({ command }) => command.env!.GANTRY_DEVICE);
    expect(devices).toEqual(['cuda:0', 'cuda:1', 'cuda:0']);
  });
});

describe('launcher ssh', () => {
  const hosts = [
    { host: 'me@a', workers: 2, devices: ['cuda:0', 'cuda:1'], directory: '~/my gantry', address: '198.18.0.7' },
    { host: 'b' },
  ];
  const file = { launcher: 'ssh', keys: 'keys', run, ssh: { hosts, config: 'config' } };

  it('starts a worker in each place, with its key on standard input and nothing secret in its words', async () => {
    const cluster = await clusterOf(file);
    const plan = planLaunch(cluster, CONTEXT) as AttachedPlan;
    expect(plan.places.map(({ name, place }) => `${name} ${place}`)).toEqual([
      'worker-0 me@a',
      'worker-1 me@a',
      'worker-2 b',
    ]);
    const { argv, stdin } = plan.places[1]!.command;
    expect(argv.slice(0, 3)).toEqual(['ssh', '-F', cluster.ssh!.configFile]);
    expect(argv.at(-2)).toBe('me@a');
    const script = argv.at(-1)!;
    for (const part of [
      'GANTRY_DEVICE=cuda:1',
      'GANTRY_HOST_ID=me@a'.replace('@', '-'),
      'GANTRY_DATA_HOST=198.18.0.7',
      'GANTRY_WORKER=worker-1',
      'GANTRY_JOIN=tcp://198.18.0.1:5555',
      "cd '~/my gantry' && exec gantry worker",
    ]) {
      expect(script).toContain(part);
    }
    expect(stdin).toEqual({ files: [`${cluster.keys}/worker-1.key`], end: '.\n' });
    expect(plan.coordinator.command.argv).toContain('tcp://198.18.0.1:5555');
  });

  it('looks at every host before', async () => {
    const { checks } = planLaunch(await clusterOf(file), CONTEXT);
    expect(checks.map(({ what }) => what)).toEqual([
      'Gantry 0.1.0 on me@a',
      'me@a is fit',
      'Gantry 0.1.0 on b',
      'b is fit',
    ]);
    expect(checks[0]).toMatchObject({ expects: 'gantry 0.1.0' });
  });

  it('needs a key for every worker, and says how to make those that are missing', async () => {
    const cluster = await clusterOf(file);
    expect(() => planLaunch(cluster, { ...CONTEXT, workerKeys: ['worker-0', 'alice'] })).toThrow(
      /has keys for 2 workers, and 3 are wanted: npx gantry keygen --add --out .*keys --worker worker-1$/,
    );
  });
});

describe('launcher docker', () => {
  const file = {
    ...{ launcher: 'docker', name: 'small', keys: 'keys', run, workers: 2, image: 'gantry:test' },
    resources: { cpus: 1.5, memory: '2GiB', gpus: 1, sharedMemory: '256MiB' },
    volumes: [{ source: '/data', target: '/data', readOnly: true }],
    environment: { A: 'b' },
  };
  const planned = async () => {
    const cluster = await clusterOf(file);
    const plan = planLaunch(cluster, CONTEXT) as SubmittedPlan;
    const services = parse(plan.files[1]!.text).services as Record<string, Record<string, unknown>>;
    return { cluster, plan, services };
  };

  it('gives no container a right that it does not need', async () => {
    const { services } = await planned();
    expect(Object.keys(services)).toEqual(['coordinator', 'worker-0', 'worker-1', 'worker-2', 'worker-3']);
    for (const service of Object.values(services)) {
      expect(service).toMatchObject({
        ...{ image: 'gantry:test', user: '1234:1235', read_only: true, cap_drop: ['ALL'], tmpfs: ['/tmp'] },
        ...{ security_opt: ['no-new-privileges:true'], shm_size: 256 * 2 ** 20 },
      });
    }
  });

  it('shows each worker its own key, and the data, and no other', async () => {
    const { cluster, services } = await planned();
    const keys = (services['worker-2']!.volumes as { source: string; read_only: boolean }[]).filter(({ source }) =>
      source.startsWith(cluster.keys!),
    );
    expect(keys).toEqual([expect.objectContaining({ source: `${cluster.keys}/worker-2.key`, read_only: true })]);
    expect(services['worker-2']!.environment).toEqual({
      ...{ A: 'b', GANTRY_JOIN: 'tcp://coordinator:5555', GANTRY_WORKER: 'worker-2' },
      GANTRY_KEYS: '/keys/worker-2.key',
    });
    expect(services['worker-2']!.volumes).toContainEqual({
      type: 'bind',
      source: '/data',
      target: '/data',
      read_only: true,
    });
  });

  it('gives each worker what it asks for, and a GPU of its own', async () => {
    const { services } = await planned();
    expect(services['worker-3']).toMatchObject({ cpus: 1.5, mem_limit: 2 * 2 ** 30 });
    const deploy = JSON.stringify(services['worker-3']!.deploy);
    expect(deploy).toContain('"device_ids":["3"]');
    expect(services.coordinator).not.toHaveProperty('deploy');
  });

  it('starts those that are wanted, and scales by starting and stopping others', async () => {
    const { plan } = await planned();
    const words = (commands: readonly { argv: readonly string[] }[]) =>
      commands.map(({ argv }) => argv.slice(6).join(' '));
    expect(words(plan.start)).toEqual(['up --detach coordinator worker-0 worker-1']);
    expect(words(plan.scale({ current: 2, wanted: 4 }))).toEqual(['up --detach --no-recreate worker-2 worker-3']);
    expect(words(plan.scale({ current: 4, wanted: 1 }))).toEqual([
      'stop --timeout 60 worker-1 worker-2 worker-3',
      'rm --force worker-1 worker-2 worker-3',
    ]);
    expect(plan.workersMax).toBe(4);
  });

  it.each([
    ['running', 'coordinator\trunning\tUp 3 seconds\nworker-0\texited\tExited (137)', false, null],
    ['ended', 'coordinator\texited\tExited (0) 3 seconds ago', true, null],
    ['failed', 'coordinator\texited\tExited (2) 3 seconds ago', true, /ended: Exited \(2\)/],
    ['restarting', 'coordinator\trestarting\tRestarting (1)', false, /failed and is started again/],
    ['gone', '', true, /no container of the coordinator/],
  ])('knows from docker ps that it is %s', async (_, output, isOver, problem) => {
    const { plan } = await planned();
    const health = plan.diagnose(output);
    expect(health.isOver).toBe(isOver);
    if (problem === null) expect(health.problem).toBeNull();
    else expect(health.problem).toMatch(problem);
  });

  it.each([
    ['failed', 'exited\tExited (137) 2 seconds ago', 'worker-1 ended with 137, and is not started again'],
    ['left', 'exited\tExited (0) 2 seconds ago', undefined],
    ['will be started again', 'restarting\tRestarting (1) 2 seconds ago', undefined],
    ['runs', 'running\tUp 2 seconds', undefined],
  ])('knows from docker ps that a worker %s', async (_, line, givenUp) => {
    const { plan } = await planned();
    const health = plan.diagnose(`worker-0\trunning\tUp 3 seconds\nworker-1\t${line}\ncoordinator\trunning\tUp`);
    expect(health).toEqual({ isOver: false, problem: null, givenUp });
  });
});
