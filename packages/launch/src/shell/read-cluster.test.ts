import { describe, expect, it } from 'vitest';
import { clusterOf } from '../testing/clusters.js';

const problems = (file: Record<string, unknown> | string): Promise<string> =>
  clusterOf(file).then(
    () => 'none',
    (error: Error) => error.message,
  );

describe('a cluster file', () => {
  it('needs its launcher alone', async () => {
    const cluster = await clusterOf({ launcher: 'local' });
    expect(cluster).toMatchObject({ name: 'gantry', workers: 2, port: 0, keys: null, environment: {} });
    expect(cluster.out).toMatch(/\/gantry-cluster-\w+\/runs\/gantry$/);
    expect(cluster.resources).toEqual({ cpus: null, memoryBytes: null, gpus: 0, sharedMemoryBytes: 2 ** 30 });
  });

  it('takes paths from its own folder, and its counts into the settings of the run', async () => {
    const cluster = await clusterOf({
      launcher: 'local',
      workers: 3,
      minWorkers: 2,
      maxWorkers: 6,
      keys: 'keys',
      out: '../elsewhere',
      run: { dataset: 'idx:data', steps: 5 },
    });
    expect(cluster.keys).toMatch(/^\/.*\/gantry-cluster-\w+\/keys$/);
    expect(cluster.out).toMatch(/^\/[^.]*\/elsewhere$/);
    expect(cluster.run.settings).toMatchObject({ workers: 3, minWorkers: 2, maxWorkers: 6, steps: 5 });
    expect(cluster.run.settings.dataset).toMatch(/^idx:\/.*\/data$/);
  });

  it('leaves paths alone that containers see', async () => {
    const run = { dataset: 'idx:/data' };
    const cluster = await clusterOf({ launcher: 'docker', keys: 'keys', run });
    expect(cluster.run.settings.dataset).toBe('idx:/data');
  });

  it.each([
    ['512MiB', 512 * 2 ** 20],
    ['4GiB', 4 * 2 ** 30],
    ['1.5 GB', 1.5e9],
  ])('reads the size %s', async (memory, bytes) => {
    expect((await clusterOf({ launcher: 'local', resources: { memory } })).resources.memoryBytes).toBe(bytes);
  });

  it('looks whether the settings of its run fit each other, where it knows the presets', async () => {
    const told = (file: string) =>
      clusterOf(file, { mlp: { batch: 100 } }).then(String, (error: Error) => error.message);
    expect(await told('launcher: local\nrun: {shards: 8}\n')).toMatch(
      /cluster\.yaml:2:7: shards is 8, which does not divide the batch of 100/,
    );
    expect(await told('launcher: local\nworkers: 5\nrun: {shards: 4}\n')).toMatch(
      /cluster\.yaml:2:1: workers is 5, which is more than the shards \(4\)/,
    );
  });

  it('counts the room of its hosts', async () => {
    const hosts = [{ host: 'a', workers: 2 }, { host: 'b', devices: ['cuda:0', 'cuda:1'] }, { host: 'me@c' }];
    const file = { launcher: 'ssh', keys: 'keys', ssh: { hosts } };
    const cluster = await clusterOf(file);
    expect(cluster.workers).toBe(5);
    expect(cluster.ssh!.hosts.map(({ workers }) => workers)).toEqual([2, 2, 1]);
    expect(await problems({ ...file, workers: 6 })).toMatch(/workers is 6, and the hosts have room for 5/);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no launcher', { name: 'x' }, /cluster\.yaml: launcher is missing, and has to be there/],
    [
      'an unknown key',
      { launcher: 'local', worker: 2 },
      /cluster\.yaml:2:1: worker is no known key\. Did you mean workers/,
    ],
    [
      'an unknown key inside',
      { launcher: 'local', run: { step: 2 } },
      /cluster\.yaml:3:3: run\.step.*Did you mean run\.steps/,
    ],
    [
      'a value of the run',
      { launcher: 'local', run: { steps: 0 } },
      /run\.steps is 0, which must be a whole number from 1/,
    ],
    [
      'a name that no object may have',
      { launcher: 'local', name: 'My run' },
      /name is My run, which must be 1 to 40 lower-case/,
    ],
    [
      'a size',
      { launcher: 'local', resources: { memory: 5 } },
      /resources\.memory is 5, which must be a size, such as 512MiB/,
    ],
    [
      'a variable that is no text',
      { launcher: 'local', environment: { A: 1 } },
      /environment\.A is 1, which must be a text: write '1'/,
    ],
    ['counts in the run', { launcher: 'local', run: { workers: 2 } }, /run\.workers belongs at the top.*workers/],
    ['no keys off the machine', { launcher: 'docker' }, /needs keys: make them with gantry keygen/],
    ['ssh without hosts', { launcher: 'ssh', keys: 'k' }, /needs the section ssh with its hosts/],
    [
      'a section of another',
      { launcher: 'local', slurm: {} },
      /slurm is for launcher: slurm, and this is launcher: local/,
    ],
    ['an image for nobody', { launcher: 'local', image: 'x' }, /image is for docker and kubernetes/],
    [
      'volumes for nobody',
      { launcher: 'local', volumes: [{ source: 'a', target: '/a' }] },
      /volumes is for launcher: docker/,
    ],
    [
      'a host twice',
      { launcher: 'ssh', keys: 'k', ssh: { hosts: [{ host: 'a' }, { host: 'a' }] } },
      /names a a second time/,
    ],
    [
      'devices that are not one each',
      { launcher: 'ssh', keys: 'k', ssh: { hosts: [{ host: 'a', workers: 2, devices: ['cpu'] }] } },
      /has 2 workers and 1 devices/,
    ],
    [
      'a host that is an option',
      { launcher: 'ssh', keys: 'k', ssh: { hosts: [{ host: '-oProxyCommand=x' }] } },
      /ssh\.hosts\.0\.host is -oProxyCommand=x, which must be what ssh takes/,
    ],
    [
      'an option that is none',
      { launcher: 'slurm', keys: 'k', slurm: { options: ['rm -rf'] } },
      /must be an option of sbatch/,
    ],
  ])('is refused with %s, by place, bound and remedy', async (_, file, expected) => {
    expect(await problems(file)).toMatch(expected);
  });

  it('lists every problem, each with line and column', async () => {
    const told = await problems('launcher: docker\nport: 99999\nssh:\n  hosts:\n    - host: a\n      wokers: 2\n');
    expect(told).toMatch(/the configuration has 2 problems/);
    expect(told).toMatch(/cluster\.yaml:2:1: port is 99999/);
    expect(told).toMatch(/cluster\.yaml:6:7: ssh\.hosts\.0\.wokers is no known key/);
  });

  it('names the settings file that is missing', async () => {
    expect(await problems({ launcher: 'local', run: 'mine.yaml' })).toMatch(
      /cannot read the configuration .*mine\.yaml/,
    );
  });
});
