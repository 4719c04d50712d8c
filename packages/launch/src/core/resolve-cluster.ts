import { assert } from '@gantry/common';
import type { ConfigProblem, Settings } from '@gantry/common/config';
import type {
  Cluster,
  KubernetesSettings,
  LauncherName,
  Resources,
  SlurmSettings,
  SshHost,
  SshSettings,
} from './cluster.js';
import type { ClusterFile } from './cluster-schema.js';
import { DEFAULTS } from './constants.js';

/** What the world adds to a file: where it lies, and what the settings file that it names says. */
export interface ClusterSources {
  readonly path: string;
  readonly file: ClusterFile;
  /** Settings of `run`, with absolute paths. */
  readonly settings: Settings;
  /** An absolute path, from the folder of the file. */
  resolve(path: string): string;
  /** `cluster.yaml:3:8` of a key. */
  where(key: string): string;
}

/** The launchers whose processes see another file system than this machine's. */
const CONTAINED = ['docker', 'kubernetes'] as const;
const SECTIONS = ['ssh', 'slurm', 'kubernetes'] as const;
/** Those that find a port that is free: any, or one for each job. */
const OWN_PORT: ReadonlySet<LauncherName> = new Set(['local', 'slurm']);
/** Said at the top, because the launcher needs them too. */
const COUNTS = ['workers', 'minWorkers', 'maxWorkers'] as const;

/** Every problem that only shows between keys. */
export function clusterProblems({ file, where }: ClusterSources): ConfigProblem[] {
  const problem = (key: string, text: string): ConfigProblem => ({ where: where(key), key, text });
  const contained = (CONTAINED as readonly string[]).includes(file.launcher);
  const room = roomOf(file);
  const workers = workersOf(file);
  return [
    ...SECTIONS.filter((section) => section !== file.launcher && file[section] !== undefined).map((section) =>
      problem(section, `is for launcher: ${section}, and this is launcher: ${file.launcher}`),
    ),
    ...(file.launcher === 'ssh' && file.ssh === undefined
      ? [problem('launcher', 'is ssh, which needs the section ssh with its hosts')]
      : []),
    ...(typeof file.run === 'object'
      ? COUNTS.filter((key) => (file.run as Settings)[key] !== undefined).map((key) =>
          problem(`run.${key}`, `belongs at the top of the file, beside launcher: ${key}`),
        )
      : []),
    ...(file.launcher !== 'local' && file.keys === undefined
      ? [
          problem(
            'launcher',
            `is ${file.launcher}, which needs keys: make them with gantry keygen, and name the folder`,
          ),
        ]
      : []),
    ...(file.launcher === 'slurm' && file.address !== undefined
      ? [problem('address', 'is that of the first node of a job, which Slurm chooses: leave it out')]
      : []),
    ...(workers > room
      ? [problem('workers', `is ${workers}, and the hosts have room for ${room}: add hosts, or workers to a host`)]
      : []),
    ...(file.volumes !== undefined && file.launcher !== 'docker'
      ? [problem('volumes', 'is for launcher: docker; with kubernetes the storage is named in its own section')]
      : []),
    ...(file.image !== undefined && !contained
      ? [problem('image', `is for docker and kubernetes, and this is launcher: ${file.launcher}`)]
      : []),
    ...hostProblems(file, problem),
  ];
}

function hostProblems(file: ClusterFile, problem: (key: string, text: string) => ConfigProblem): ConfigProblem[] {
  const hosts = file.ssh?.hosts ?? [];
  return hosts.flatMap(({ host, workers, devices }, index) => {
    const key = `ssh.hosts.${index}`;
    const twice = hosts.findIndex((other) => other.host === host) < index;
    const uneven = workers !== undefined && devices !== undefined && workers !== devices.length;
    return [
      ...(twice ? [problem(key, `names ${host} a second time: give it more workers instead`)] : []),
      ...(uneven ? [problem(key, `has ${workers} workers and ${devices.length} devices: one for each worker`)] : []),
    ];
  });
}

/** Workers that there is room for, where the file says so. */
function roomOf(file: ClusterFile): number {
  if (file.launcher !== 'ssh' || file.ssh === undefined) return Number.POSITIVE_INFINITY;
  return file.ssh.hosts.reduce((sum, host) => sum + slotsOf(host), 0);
}

function slotsOf({
  workers,
  devices,
}: {
  workers?: number | undefined;
  devices?: readonly string[] | undefined;
}): number {
  return workers ?? devices?.length ?? 1;
}

function workersOf(file: ClusterFile): number {
  const room = roomOf(file);
  return file.workers ?? (Number.isFinite(room) ? room : DEFAULTS.workers);
}

/** Fills in what a file without {@link clusterProblems} leaves out. */
export function resolveCluster(sources: ClusterSources): Cluster {
  const { file, path, settings } = sources;
  const name = file.name ?? DEFAULTS.name;
  const workers = workersOf(file);
  const { minWorkers, maxWorkers } = file;
  return {
    path,
    name,
    launcher: file.launcher,
    run: {
      settings: {
        ...settings,
        workers,
        ...(minWorkers === undefined ? {} : { minWorkers }),
        ...(maxWorkers === undefined ? {} : { maxWorkers }),
      },
    },
    out: outOf(sources, name),
    workers,
    resources: resourcesOf(file.resources ?? {}),
    environment: file.environment ?? {},
    keys: file.keys === undefined ? null : sources.resolve(file.keys),
    port: file.port ?? (OWN_PORT.has(file.launcher) ? 0 : DEFAULTS.port),
    address: file.address ?? null,
    image: file.image ?? DEFAULTS.image,
    volumes: (file.volumes ?? []).map(({ source, target, readOnly = false }) => ({
      source: source.startsWith('.') || source.startsWith('/') ? sources.resolve(source) : source,
      target,
      readOnly,
    })),
    ssh: file.ssh === undefined ? null : sshOf(file.ssh, sources),
    slurm: file.launcher === 'slurm' ? slurmOf(file.slurm ?? {}) : null,
    kubernetes: file.launcher === 'kubernetes' ? kubernetesOf(file.kubernetes ?? {}) : null,
  };
}

function outOf({ file, resolve }: ClusterSources, name: string): string {
  if (file.launcher === 'kubernetes') return file.out ?? `/runs/${name}`;
  return resolve(file.out ?? `runs/${name}`);
}

function resourcesOf({ cpus, memory, gpus, sharedMemory }: NonNullable<ClusterFile['resources']>): Resources {
  return {
    cpus: cpus ?? null,
    memoryBytes: memory === undefined ? null : bytesOf(memory),
    gpus: gpus ?? 0,
    sharedMemoryBytes: bytesOf(sharedMemory ?? DEFAULTS.sharedMemory),
  };
}

const UNITS: Readonly<Record<string, number>> = {
  ...{ kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 },
  ...{ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 },
};

function bytesOf(size: string): number {
  const [, number, unit] = /^([\d.]+)\s*([A-Za-z]+)$/.exec(size) ?? [];
  assert(number !== undefined && unit !== undefined && UNITS[unit] !== undefined, `${size} passed the schema`);
  return Math.round(Number(number) * UNITS[unit]);
}

function sshOf({ hosts, config }: NonNullable<ClusterFile['ssh']>, { resolve }: ClusterSources): SshSettings {
  return {
    hosts: hosts.map(
      (host): SshHost => ({
        host: host.host,
        workers: slotsOf(host),
        devices: host.devices ?? [],
        command: host.command ?? DEFAULTS.command,
        directory: host.directory ?? null,
        address: host.address ?? null,
      }),
    ),
    configFile: config === undefined ? null : resolve(config),
  };
}

function slurmOf(slurm: NonNullable<ClusterFile['slurm']>): SlurmSettings {
  return {
    partition: slurm.partition ?? null,
    account: slurm.account ?? null,
    qos: slurm.qos ?? null,
    time: slurm.time ?? null,
    nodes: slurm.nodes ?? null,
    command: slurm.command ?? DEFAULTS.command,
    options: slurm.options ?? [],
    warnSeconds: slurm.warnSeconds ?? DEFAULTS.warnSeconds,
  };
}

function kubernetesOf(kubernetes: NonNullable<ClusterFile['kubernetes']>): KubernetesSettings {
  const { storage } = kubernetes;
  return {
    context: kubernetes.context ?? null,
    namespace: kubernetes.namespace ?? DEFAULTS.namespace,
    serviceAccount: kubernetes.serviceAccount ?? null,
    imagePullPolicy: kubernetes.imagePullPolicy ?? 'IfNotPresent',
    gpuResource: kubernetes.gpuResource ?? DEFAULTS.gpuResource,
    storage: {
      claim: storage?.claim ?? null,
      size: storage?.size ?? DEFAULTS.storage,
      className: storage?.className ?? null,
    },
    nodeSelector: kubernetes.nodeSelector ?? {},
  };
}
