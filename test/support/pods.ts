/** What a container has to be for it to be this pod's: every field of the pod is in here, or means nothing outside of Kubernetes. */
export interface PodContainer {
  readonly image: string;
  /** Behind the image's entrypoint. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** null: Kubernetes gives it one. */
  readonly hostname: string | null;
  /** Numbers of user and group. */
  readonly user: string;
  /** Group that files of volumes belong to. */
  readonly fileGroup: number;
  readonly readOnlyRoot: boolean;
  readonly capabilitiesDropped: readonly string[];
  readonly noNewPrivileges: boolean;
  /** Size of /dev/shm. */
  readonly sharedMemoryBytes: number;
  /** Empty folders of the container's own, by path. */
  readonly emptyFolders: readonly { readonly path: string; readonly bytesMax: number }[];
  readonly mounts: readonly PodMount[];
  readonly cpus: number;
  readonly memoryBytes: number;
  /** From SIGTERM to SIGKILL. */
  readonly graceSeconds: number;
}

export interface PodMount {
  readonly kind: 'secret' | 'configMap' | 'claim';
  /** Of the Secret, the ConfigMap or the claim. */
  readonly name: string;
  readonly path: string;
  readonly readOnly: boolean;
  /** Permissions of its files; null: as they are. */
  readonly mode: number | null;
}

/** A pod template, after the official schema has accepted it. */
export interface PodTemplate {
  readonly spec: {
    readonly containers: readonly [Container];
    readonly volumes: readonly Volume[];
    readonly securityContext: Fields & {
      runAsUser: number;
      runAsGroup: number;
      fsGroup: number;
      runAsNonRoot: boolean;
    };
    readonly terminationGracePeriodSeconds: number;
    readonly restartPolicy: string;
    readonly hostname?: string;
  } & Fields;
}

type Fields = Readonly<Record<string, unknown>>;

interface Container extends Fields {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly resources: { readonly limits: Readonly<Record<string, string>> };
  readonly securityContext: {
    readonly readOnlyRootFilesystem: boolean;
    readonly allowPrivilegeEscalation: boolean;
    readonly capabilities: { readonly drop: readonly string[] };
  };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly medium?: string; readonly sizeLimit: string };
  readonly secret?: { readonly secretName: string; readonly defaultMode: number };
  readonly configMap?: { readonly name: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

/** What is carried over, and what only Kubernetes has: where a pod goes, who may talk to it, how it is asked for its health. */
const KNOWN = {
  pod: [
    ...['hostname', 'containers', 'volumes', 'securityContext', 'terminationGracePeriodSeconds', 'restartPolicy'],
    ...['automountServiceAccountToken', 'enableServiceLinks', 'serviceAccountName', 'nodeSelector', 'tolerations'],
  ],
  podSecurity: ['runAsNonRoot', 'runAsUser', 'runAsGroup', 'fsGroup', 'fsGroupChangePolicy', 'seccompProfile'],
  container: [
    ...['name', 'image', 'imagePullPolicy', 'args', 'env', 'resources', 'securityContext', 'volumeMounts'],
    ...['ports', 'startupProbe', 'readinessProbe', 'livenessProbe'],
  ],
  containerSecurity: ['allowPrivilegeEscalation', 'readOnlyRootFilesystem', 'capabilities'],
  volume: ['name', 'emptyDir', 'secret', 'configMap', 'persistentVolumeClaim'],
} as const;

/**
 * The container that Kubernetes would make of a pod. A field that it does not know fails: what is tested in a container has to
 * be the whole of what the pod says.
 *
 * @param index Of a pod of an indexed job, which Kubernetes puts into its environment.
 */
export function containerOf({ spec }: PodTemplate, index?: number): PodContainer {
  const { containers, volumes, securityContext } = spec;
  const [container] = containers;
  check('pod', spec);
  check('podSecurity', securityContext);
  check('container', container);
  check('containerSecurity', container.securityContext as unknown as Fields);
  for (const volume of volumes) check('volume', volume as unknown as Fields);
  const { readOnlyRootFilesystem, capabilities, allowPrivilegeEscalation } = container.securityContext;
  const mounted = container.volumeMounts.map((mount) => ({ mount, volume: volumeOf(volumes, mount.name) }));
  const folders = mounted.filter(({ volume }) => volume.emptyDir !== undefined && volume.emptyDir.medium === undefined);
  return {
    image: container.image,
    args: container.args,
    env: {
      ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
      ...(index === undefined ? {} : { JOB_COMPLETION_INDEX: String(index) }),
    },
    hostname: spec.hostname ?? null,
    user: `${securityContext.runAsUser}:${securityContext.runAsGroup}`,
    fileGroup: securityContext.fsGroup,
    readOnlyRoot: readOnlyRootFilesystem,
    capabilitiesDropped: capabilities.drop,
    noNewPrivileges: !allowPrivilegeEscalation,
    sharedMemoryBytes: sharedMemoryOf(mounted),
    emptyFolders: folders.map(({ mount, volume }) => ({
      path: mount.mountPath,
      bytesMax: bytesOf(volume.emptyDir!.sizeLimit),
    })),
    mounts: mounted.flatMap(({ mount, volume }) => mountOf(mount, volume) ?? []),
    cpus: cpusOf(container.resources.limits.cpu!),
    memoryBytes: bytesOf(container.resources.limits.memory!),
    graceSeconds: spec.terminationGracePeriodSeconds,
  };
}

function check(what: keyof typeof KNOWN, fields: Fields): void {
  const unknown = Object.keys(fields).filter((key) => !(KNOWN[what] as readonly string[]).includes(key));
  if (unknown.length > 0) throw new Error(`no container can be made of ${what} with ${unknown.join(', ')}`);
}

function volumeOf(volumes: readonly Volume[], name: string): Volume {
  const volume = volumes.find((one) => one.name === name);
  if (volume === undefined) throw new Error(`no volume ${name}`);
  return volume;
}

type Mounted = readonly { readonly mount: Container['volumeMounts'][number]; readonly volume: Volume }[];

function sharedMemoryOf(mounted: Mounted): number {
  const memory = mounted.filter(({ volume }) => volume.emptyDir?.medium === 'Memory');
  const [only] = memory;
  if (memory.length !== 1 || only!.mount.mountPath !== '/dev/shm') throw new Error('/dev/shm alone can be memory');
  return bytesOf(only!.volume.emptyDir!.sizeLimit);
}

function mountOf({ mountPath, readOnly = false }: Mounted[number]['mount'], volume: Volume): PodMount | null {
  const { secret, configMap, persistentVolumeClaim: claim } = volume;
  const at = { path: mountPath, readOnly };
  if (secret !== undefined) return { kind: 'secret', name: secret.secretName, ...at, mode: secret.defaultMode };
  if (configMap !== undefined) return { kind: 'configMap', name: configMap.name, ...at, mode: null };
  return claim === undefined ? null : { kind: 'claim', name: claim.claimName, ...at, mode: null };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

function bytesOf(quantity: string): number {
  const [, number = '', unit = ''] = /^(\d+)([KMGT]i)?$/.exec(quantity) ?? [];
  if (number === '') throw new Error(`${quantity} is no amount of bytes`);
  return Number(number) * UNITS[unit]!;
}

function cpusOf(quantity: string): number {
  return quantity.endsWith('m') ? Number(quantity.slice(0, -1)) / 1000 : Number(quantity);
}
