import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readCluster } from '../../../shell/read-cluster.js';
import { CONTEXT, clusterOf } from '../../../testing/clusters.js';
import { validateObject, validManifest } from '../../../testing/kubernetes-schema.js';
import { planLaunch } from '../index.js';

/** A manifest's objects, freely looked into. */
// biome-ignore lint/suspicious/noExplicitAny: the schema has said what they are
type Objects = any[];

const EXAMPLE = new URL('../../../../../../deploy/kubernetes/cluster.yaml', import.meta.url).pathname;
const SMALL = { launcher: 'kubernetes', name: 'small', keys: 'keys' };
const FILES: Readonly<Record<string, Record<string, unknown>>> = {
  'the least': SMALL,
  'with GPUs, chosen nodes and a claim that exists': {
    ...SMALL,
    resources: { cpus: 1.5, memory: '3.5GiB', gpus: 2, sharedMemory: '768MiB' },
    image: 'registry.example/gantry@sha256:0123',
    port: 7000,
    out: '/data/of/mine/run-1',
    environment: { LANG: 'C', GANTRY_FAULT: 'exit@9:worker-1' },
    workers: 4,
    kubernetes: {
      namespace: 'lab',
      serviceAccount: 'trainer',
      imagePullPolicy: 'Never',
      gpuResource: 'amd.com/gpu',
      storage: { claim: 'shared' },
      nodeSelector: { 'kubernetes.io/arch': 'amd64' },
    },
  },
  'with a storage class and texts that YAML could take for something else': {
    ...SMALL,
    environment: { ANSWER: 'yes', NUMBER: '0123', TIME: '12:30:00', y: 'off', TEXT: 'a: b # c\n- "d"' },
    run: { preset: 'mlp', dataset: 'idx:/data/on: off' },
    kubernetes: { storage: { className: 'fast', size: '1Ti' } },
  },
};

async function objectsOf(file: Record<string, unknown>): Promise<Objects> {
  return validManifest(planLaunch(await clusterOf(file), CONTEXT).files[0]!.text);
}

function byKind(objects: Objects, kind: string, name?: string) {
  return objects.find((object) => object.kind === kind && (name === undefined || object.metadata.name === name));
}

const jobsOf = (objects: Objects): Objects => objects.filter(({ kind }) => kind === 'Job');

describe.each(Object.entries(FILES))('the manifest of a cluster file, %s,', (_, file) => {
  it('is valid by the schemas of Kubernetes', async () => {
    const objects = await objectsOf(file);
    expect(jobsOf(objects).map(({ metadata }) => metadata.name)).toEqual(['small-coordinator', 'small-worker']);
  });

  it('gives its pods no right that the restricted Pod Security Standard withholds', async () => {
    for (const { spec } of jobsOf(await objectsOf(file))) {
      const pod = spec.template.spec;
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
      expect(pod.automountServiceAccountToken).toBe(false);
      expect([pod.hostNetwork, pod.hostPID, pod.hostIPC, pod.initContainers]).toEqual(Array(4).fill(undefined));
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect((container.ports ?? []).every((port: { hostPort?: number }) => port.hostPort === undefined)).toBe(true);
      }
      const allowed = ['configMap', 'emptyDir', 'persistentVolumeClaim', 'secret'];
      for (const { name, ...source } of pod.volumes)
        expect([name, allowed]).toEqual([name, expect.arrayContaining(Object.keys(source))]);
    }
  });

  it('mounts what is there, and leaves nothing unmounted', async () => {
    const objects = await objectsOf(file);
    for (const { spec } of jobsOf(objects)) {
      const { containers, volumes } = spec.template.spec;
      const names = (list: { name: string }[]): string[] => list.map(({ name }) => name).sort();
      expect(names(containers[0].volumeMounts)).toEqual(names(volumes));
    }
    const { volumes } = byKind(objects, 'Job', 'small-coordinator').spec.template.spec;
    const config = volumes.find(({ name }: { name: string }) => name === 'config');
    expect(config.configMap.name).toBe(byKind(objects, 'ConfigMap').metadata.name);
    const runs = volumes.find(({ name }: { name: string }) => name === 'runs').persistentVolumeClaim.claimName;
    expect(runs).toBe(byKind(objects, 'PersistentVolumeClaim')?.metadata.name ?? 'shared');
  });

  it('leads names and network policy to its own pods, and to no others', async () => {
    const objects = await objectsOf(file);
    const labels = (name: string): object => byKind(objects, 'Job', `small-${name}`).spec.template.metadata.labels;
    const service = byKind(objects, 'Service');
    expect(labels('coordinator')).toMatchObject(service.spec.selector);
    expect(labels('worker')).not.toMatchObject(service.spec.selector);
    const policy = byKind(objects, 'NetworkPolicy').spec;
    const { matchLabels } = policy.podSelector;
    expect(matchLabels['app.kubernetes.io/instance']).toBe('small');
    for (const component of ['coordinator', 'worker']) expect(labels(component)).toMatchObject(matchLabels);
    expect(policy.ingress).toEqual([{ from: [{ podSelector: { matchLabels } }] }]);
    expect(policy.egress[0]).toEqual({ to: [{ podSelector: { matchLabels } }] });
    expect(
      policy.egress.slice(1).flatMap(({ ports }: { ports: { port: number }[] }) => ports.map(({ port }) => port)),
    ).toEqual([53, 53]);
  });

  it('holds the settings of the run, and no key', async () => {
    const cluster = await clusterOf(file);
    const { text } = planLaunch(cluster, CONTEXT).files[0]!;
    const objects: Objects = validManifest(text);
    expect(parse(byKind(objects, 'ConfigMap').data['gantry.yaml'])).toEqual(cluster.run.settings);
    expect(byKind(objects, 'Secret')).toBeUndefined();
    expect(text).not.toMatch(/secretKey|publicKey/);
  });
});

describe('a pod', () => {
  const container = async (file: Record<string, unknown>, name: string) =>
    byKind(await objectsOf(file), 'Job', `small-${name}`).spec.template.spec.containers[0];

  it('has room in memory for /dev/shm, which is as large as it should be', async () => {
    const { worker, coordinator } = {
      worker: await container(FILES[Object.keys(FILES)[1]!]!, 'worker'),
      coordinator: await container(SMALL, 'coordinator'),
    };
    expect(worker.resources.limits).toEqual({ cpu: '1500m', memory: '4352Mi', 'amd.com/gpu': 2 });
    expect(worker.resources.requests).toEqual({ cpu: '1500m', memory: '4352Mi' });
    expect(coordinator.resources.limits).toEqual({ cpu: '1', memory: '3Gi' });
    const { volumes } = byKind(await objectsOf(FILES[Object.keys(FILES)[1]!]!), 'Job', 'small-worker').spec.template
      .spec;
    expect(volumes).toContainEqual({ name: 'shared-memory', emptyDir: { medium: 'Memory', sizeLimit: '768Mi' } });
  });

  it('may be where GPUs are only if the run has some', async () => {
    const tolerations = async (file: Record<string, unknown>) =>
      jobsOf(await objectsOf(file)).map(({ spec }) => spec.template.spec.tolerations);
    expect(await tolerations(SMALL)).toEqual([undefined, undefined]);
    const tolerated = [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }];
    expect(await tolerations({ ...SMALL, resources: { gpus: 1 } })).toEqual([tolerated, tolerated]);
  });

  it('of the coordinator begins the run or goes on with it, and is ready when it listens', async () => {
    const coordinator = await container(SMALL, 'coordinator');
    expect(coordinator.args.join(' ')).toBe(
      'coordinator --continue --json --config /etc/gantry/config/gantry.yaml --out /runs/small --bind tcp://0.0.0.0:5555 --keys /etc/gantry/keys',
    );
    expect(coordinator.readinessProbe.tcpSocket.port).toBe(5555);
    expect(coordinator.volumeMounts).toContainEqual({ name: 'runs', mountPath: '/runs' });
  });

  it('of a worker finds the coordinator by name, its key by index, and is replaced if it leaves early', async () => {
    const { args, env } = await container(
      { ...SMALL, environment: { GANTRY_JOIN: 'tcp://elsewhere:1', A: 'b' } },
      'worker',
    );
    expect(args).toEqual(['worker']);
    const variables = Object.fromEntries(env.map(({ name, value }: { name: string; value: string }) => [name, value]));
    expect(variables).toMatchObject({
      A: 'b',
      GANTRY_JOIN: 'tcp://small-coordinator:5555',
      GANTRY_KEYS: '/etc/gantry/keys',
      GANTRY_LEFT_EXIT_CODE: '75',
    });
    expect(env).toHaveLength(Object.keys(variables).length);
  });

  it('of workers are as many as places, so that both can be changed', async () => {
    const { spec } = byKind(await objectsOf({ ...SMALL, workers: 3 }), 'Job', 'small-worker');
    expect(spec).toMatchObject({ completionMode: 'Indexed', completions: 3, parallelism: 3 });
    expect(spec.template.spec.restartPolicy).toBe('OnFailure');
    expect(spec.podReplacementPolicy).toBe('Failed');
  });
});

it('renders the example', async () => {
  const objects: Objects = validManifest(planLaunch(await readCluster(EXAMPLE), CONTEXT).files[0]!.text);
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    'NetworkPolicy mlp',
    'ConfigMap mlp-config',
    'PersistentVolumeClaim mlp-runs',
    'Service mlp-coordinator',
    'Job mlp-coordinator',
    'Job mlp-worker',
  ]);
});

describe('the validator', () => {
  const container = (change: object): object => ({
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'x' } },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'b', ...change }] } } },
  });

  it.each<[string, object, RegExp]>([
    ['a number that is a text', { ports: [{ containerPort: '80' }] }, /Job x: .*containerPort must be integer/],
    ['a variable that is a number', { env: [{ name: 'A', value: 1 }] }, /value must be string/],
    ['a missing field', { name: undefined }, /must have required property name/],
    ['a value that is none of a choice', { imagePullPolicy: 'Sometimes' }, /must be equal to one of/],
    [
      'a field that nobody knows',
      { volumeMount: [] },
      /unknown field \/spec\/template\/spec\/containers\/0\/volumeMount/,
    ],
    [
      'a field in the wrong place',
      { securityContext: { fsGroup: 1 } },
      /unknown field \/spec\/template\/spec\/containers\/0\/securityContext\/fsGroup/,
    ],
    ['an amount that is none', { resources: { limits: { memory: '1 GB' } } }, /memory must match/],
  ])('refuses %s', (_, change, expected) => {
    expect(() => validateObject(container({}))).not.toThrow();
    expect(() => validateObject(container(change))).toThrow(expected);
  });

  it('refuses a kind that is none, and YAML with a key twice', () => {
    expect(() => validateObject({ apiVersion: 'batch/v1', kind: 'Jobs' })).toThrow(/there is no Jobs in batch\/v1/);
    expect(() => validManifest('kind: Job\nkind: Job\n')).toThrow(/Map keys must be unique/);
  });
});
