import { KEY_FILE_MODE, PATHS, RUN_AS, TEMPORARY_BYTES } from './constants.js';
import { type Component, componentLabels, objectLabels } from './names.js';
import {
  environmentList,
  type KubernetesCluster,
  type PodTemplate,
  type PodVolume,
  type VolumeMount,
} from './objects.js';
import { bytesQuantity, cpuQuantity } from './quantity.js';

/** What differs between the pods of a coordinator and of a worker. */
export interface PodParts {
  readonly component: Component;
  /** Behind `gantry`, the image's entrypoint. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where a successor has to be known by it; undefined: the pod's name, or with an index the job's and that. */
  readonly hostname?: string;
  /** Secret with its keys. */
  readonly keys: string;
  readonly cpus: number;
  /** Without /dev/shm. */
  readonly memoryBytes: number;
  readonly gpus: number;
  readonly graceSeconds: number;
  /** Beside those that every pod has. */
  readonly volumes?: readonly { readonly volume: PodVolume; readonly mount: Omit<VolumeMount, 'name'> }[];
  /** Further fields of its container. */
  readonly container?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A pod with the rights of the restricted Pod Security Standard: it writes to its own folders alone, and is nobody. */
export function podTemplate(cluster: KubernetesCluster, parts: PodParts): PodTemplate {
  const { nodeSelector, serviceAccount, gpuResource } = cluster.kubernetes;
  const labels = objectLabels(componentLabels(cluster, parts.component));
  return {
    metadata: { labels, ...(parts.annotations === undefined ? {} : { annotations: parts.annotations }) },
    spec: {
      // In its place on the node, with what its disk and its name are: the others find it again at once.
      restartPolicy: 'OnFailure',
      ...(parts.hostname === undefined ? {} : { hostname: parts.hostname }),
      terminationGracePeriodSeconds: parts.graceSeconds,
      // Nothing in a pod talks to Kubernetes; and variables for every Service of the namespace would be read as Gantry's own.
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      ...(serviceAccount === null ? {} : { serviceAccountName: serviceAccount }),
      // Nodes with GPUs keep away who does not ask for one; the coordinator may be told to be there too.
      ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
      ...(cluster.resources.gpus === 0
        ? {}
        : { tolerations: [{ key: gpuResource, operator: 'Exists', effect: 'NoSchedule' }] }),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: RUN_AS,
        runAsGroup: RUN_AS,
        fsGroup: RUN_AS,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [container(cluster, parts)],
      volumes: volumes(cluster, parts),
    },
  };
}

function container(cluster: KubernetesCluster, parts: PodParts): object {
  const { component, args, env } = parts;
  return {
    name: component,
    image: cluster.image,
    imagePullPolicy: cluster.kubernetes.imagePullPolicy,
    args,
    env: environmentList({
      HOME: PATHS.temporary,
      XDG_CACHE_HOME: `${PATHS.temporary}/cache`,
      ...cluster.environment,
      ...env,
    }),
    resources: resources(cluster, parts),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    ...parts.container,
    volumeMounts: [
      { name: 'keys', mountPath: PATHS.keys, readOnly: true },
      { name: 'shared-memory', mountPath: PATHS.sharedMemory },
      { name: 'temporary', mountPath: PATHS.temporary },
      ...(parts.volumes ?? []).map(({ volume, mount }) => ({ name: volume.name, ...mount })),
    ],
  };
}

/** /dev/shm is memory, and Kubernetes counts it as such: what is in it needs room beside the process. */
function resources(cluster: KubernetesCluster, { cpus, memoryBytes, gpus }: PodParts): object {
  const memory = bytesQuantity(memoryBytes + cluster.resources.sharedMemoryBytes);
  const amounts = { cpu: cpuQuantity(cpus), memory };
  // Of what is counted in pieces, the limit is the request.
  return {
    requests: amounts,
    limits: { ...amounts, ...(gpus === 0 ? {} : { [cluster.kubernetes.gpuResource]: gpus }) },
  };
}

function volumes(cluster: KubernetesCluster, { keys, volumes: further = [] }: PodParts): PodVolume[] {
  return [
    { name: 'keys', secret: { secretName: keys, defaultMode: KEY_FILE_MODE } },
    {
      name: 'shared-memory',
      emptyDir: { medium: 'Memory', sizeLimit: bytesQuantity(cluster.resources.sharedMemoryBytes) },
    },
    { name: 'temporary', emptyDir: { sizeLimit: bytesQuantity(TEMPORARY_BYTES) } },
    ...further.map(({ volume }) => volume),
  ];
}
