import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { leftOvers } from '../support/containers.js';
import { openDocker, skipReason } from '../support/docker.js';
import { buildImage } from '../support/docker-image.js';
import { doneOf, GantryProcess, gantry, trainArguments, Workspace } from '../support/gantry.js';
import { kubectlProblem } from '../support/kubectl.js';
import { ContainerRuntime } from '../support/kubernetes/container-runtime.js';
import { StandInKubernetes } from '../support/kubernetes/server.js';

// `gantry launch` with the real kubectl, and the pods that it asks for as containers with all that their specification says.
const STEPS = 300;
const BUILD_MS = 900_000;
const docker = await openDocker();
const kubectl = await kubectlProblem();
const root = process.getuid?.() === 0 ? '' : 'only root can give files to the users of containers';
const problem = docker.problem || kubectl || root;

describe.skipIf(problem !== '')(`pods as containers${skipReason({ ...docker, problem })}`, () => {
  const work = new Workspace();
  let runtime: ContainerRuntime;
  let cluster: StandInKubernetes;
  let image: string;
  /** A cluster file. */
  let write: (name: string) => string;
  let bits: unknown;

  beforeAll(async () => {
    image = await buildImage(docker);
    runtime = await ContainerRuntime.create(image);
    cluster = await StandInKubernetes.start(runtime);
    const keys = join(work.path, 'keys');
    await gantry(['keygen', '--out', keys, '--workers', '2']);
    const run = { dataset: 'mnist', shards: 4, batch: 16, steps: STEPS, seed: 7, sampleEvery: 0 };
    const resources = { sharedMemory: '128MiB' };
    write = (name) => {
      const file = join(work.path, `${name}.yaml`);
      writeFileSync(file, stringify({ launcher: 'kubernetes', name, image, keys, resources, run }));
      return file;
    };
    bits = doneOf(await gantry(trainArguments(work.run(), { workers: 1, steps: STEPS }))).stateSha256;
  }, BUILD_MS);

  afterAll(async () => {
    await cluster?.remove();
    work.remove();
    const left = await leftOvers().finally(() => docker.stop());
    expect(left).toEqual([]);
  });

  const launch = (file: string): GantryProcess => new GantryProcess(['launch', '-f', file, '--json'], cluster.env);

  it('have the rights, folders and memory that they ask for, lose worker and coordinator, and end in the same bits', async () => {
    const run = launch(write('pods'));
    await run.untilStep(10);
    const pods = cluster.jobs.pods();
    expect(pods.map(({ name }) => name.replace(/-x\d+$/, ''))).toEqual([
      'pods-coordinator',
      'pods-worker-0',
      'pods-worker-1',
    ]);
    for (const pod of pods) {
      const { Config, HostConfig } = await runtime.containers.get(pod.name)!.inspect();
      const { args, env, user, mounts } = pod.container;
      expect([Config.User, Config.Cmd]).toEqual([user, args]);
      expect(Config.Env).toEqual(
        expect.arrayContaining(Object.entries(env).map(([name, value]) => `${name}=${value}`)),
      );
      expect(HostConfig).toMatchObject({
        ReadonlyRootfs: pod.container.readOnlyRoot,
        CapDrop: pod.container.capabilitiesDropped,
        ShmSize: pod.container.sharedMemoryBytes,
        SecurityOpt: ['no-new-privileges'],
      });
      const binds = mounts.map(({ path, readOnly }) => expect.stringMatching(`:${path}:${readOnly ? 'ro' : 'rw'}$`));
      expect(HostConfig.Binds).toEqual(binds);
    }
    pods[2]!.kill();
    await run.until(({ event }) => event === 'worker-lost');
    await run.progressed(10);
    pods[0]!.kill();
    expect(doneOf(await run.finished).stateSha256).toBe(bits);
    expect(cluster.store.list('pods')).toEqual([]);
    expect([...runtime.containers.keys()]).toEqual([]);
  });

  it('save when they are told to stop, and another coordinator goes on from the claim', async () => {
    const file = write('again');
    const first = launch(file);
    await first.untilStep(20);
    expect((await gantry(['launch', 'stop', '-f', file], cluster.env)).code).toBe(0);
    expect(doneOf(await first.finished).interrupted).toBe(true);
    expect(doneOf(await launch(file).finished)).toMatchObject({ step: STEPS, stateSha256: bits });
  });
});
