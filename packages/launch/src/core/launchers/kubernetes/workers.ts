import { LEFT_EXIT_CODE, PATHS, WORKER_DEFAULTS, WORKER_GRACE_S, WORKER_RESTARTS } from './constants.js';
import { componentLabels, namesOf, objectLabels } from './names.js';
import type { KubernetesCluster, KubernetesObject } from './objects.js';
import { podTemplate } from './pod.js';

/**
 * A pod for each worker, with an index, by which Gantry names it and finds its key. There are always as many places as pods:
 * both numbers together are what may be changed while it runs.
 */
export function workerJob(cluster: KubernetesCluster): KubernetesObject {
  const names = namesOf(cluster);
  const { cpus, memoryBytes, gpus } = cluster.resources;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: names.worker,
      namespace: cluster.kubernetes.namespace,
      labels: objectLabels(componentLabels(cluster, 'worker')),
    },
    spec: {
      completionMode: 'Indexed',
      ...workerCounts(cluster.workers),
      backoffLimit: WORKER_RESTARTS,
      // Never two of one name.
      podReplacementPolicy: 'Failed',
      template: podTemplate(cluster, {
        component: 'worker',
        args: ['worker'],
        env: {
          GANTRY_JOIN: `tcp://${cluster.address ?? names.coordinator}:${cluster.port}`,
          GANTRY_KEYS: PATHS.keys,
          GANTRY_LEFT_EXIT_CODE: String(LEFT_EXIT_CODE),
        },
        keys: names.workerKeys,
        cpus: cpus ?? WORKER_DEFAULTS.cpus,
        memoryBytes: memoryBytes ?? WORKER_DEFAULTS.memoryBytes,
        gpus,
        graceSeconds: WORKER_GRACE_S,
        // No probes: nobody asks a worker for anything, and the coordinator sees more of one that hangs than a probe would.
      }),
    },
  };
}

/** What is patched to have more of them, or fewer. */
export function workerCounts(workers: number): { readonly completions: number; readonly parallelism: number } {
  return { completions: workers, parallelism: workers };
}
