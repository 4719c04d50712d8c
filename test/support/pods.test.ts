import { expect, it } from 'vitest';
import { planLaunch } from '../../packages/launch/src/core/launchers/index.js';
import { CONTEXT, clusterOf } from '../../packages/launch/src/testing/clusters.js';
import { validManifest } from '../../packages/launch/src/testing/kubernetes-schema.js';
import { containerOf, type PodTemplate } from './pods.js';

async function templates(): Promise<readonly [PodTemplate, PodTemplate]> {
  const resources = { cpus: 0.5, memory: '1GiB', sharedMemory: '256MiB' };
  const cluster = await clusterOf({ launcher: 'kubernetes', name: 'small', keys: 'keys', resources });
  const jobs = validManifest(planLaunch(cluster, CONTEXT).files[0]!.text).slice(-2);
  return (jobs as { spec: { template: PodTemplate } }[]).map(({ spec }) => spec.template) as [PodTemplate, PodTemplate];
}

it('makes the container of a worker, with all that its pod says', async () => {
  const [, worker] = await templates();
  expect(containerOf(worker, 3)).toEqual({
    image: 'gantry:0.1.0',
    args: ['worker'],
    env: {
      HOME: '/tmp',
      XDG_CACHE_HOME: '/tmp/cache',
      GANTRY_JOIN: 'tcp://small-coordinator:5555',
      GANTRY_KEYS: '/etc/gantry/keys',
      GANTRY_LEFT_EXIT_CODE: '75',
      JOB_COMPLETION_INDEX: '3',
    },
    hostname: null,
    user: '10001:10001',
    fileGroup: 10_001,
    readOnlyRoot: true,
    capabilitiesDropped: ['ALL'],
    noNewPrivileges: true,
    sharedMemoryBytes: 2 ** 28,
    emptyFolders: [{ path: '/tmp', bytesMax: 10 * 2 ** 30 }],
    mounts: [{ kind: 'secret', name: 'small-worker-keys', path: '/etc/gantry/keys', readOnly: true, mode: 0o440 }],
    cpus: 0.5,
    memoryBytes: 2 ** 30 + 2 ** 28,
    graceSeconds: 60,
  });
});

it('makes the container of a coordinator, which writes to the claim', async () => {
  const [coordinator] = await templates();
  const { mounts, env, hostname } = containerOf(coordinator);
  expect(hostname).toBe('small-coordinator');
  expect(env.JOB_COMPLETION_INDEX).toBeUndefined();
  expect(mounts).toEqual([
    { kind: 'secret', name: 'small-coordinator-keys', path: '/etc/gantry/keys', readOnly: true, mode: 0o440 },
    { kind: 'configMap', name: 'small-config', path: '/etc/gantry/config', readOnly: true, mode: null },
    { kind: 'claim', name: 'small-runs', path: '/runs', readOnly: false, mode: null },
  ]);
});

it('makes none of a pod that says what it does not know', async () => {
  const [, worker] = await templates();
  const { spec } = worker;
  const changed = (change: object): PodTemplate => ({ spec: { ...spec, ...change } }) as unknown as PodTemplate;
  expect(() => containerOf(changed({ hostNetwork: true }))).toThrow(/pod with hostNetwork/);
  expect(() => containerOf(changed({ containers: [{ ...spec.containers[0], command: ['sh'] }] }))).toThrow(
    /with command/,
  );
  expect(() => containerOf(changed({ volumes: spec.volumes.slice(1) }))).toThrow(/no volume keys/);
});
