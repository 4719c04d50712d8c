import { GantryError } from '@gantry/common';
import { PATHS } from './constants.js';
import { namesOf, objectLabels, runLabels } from './names.js';
import type { KubernetesCluster, KubernetesObject } from './objects.js';

/** The run's settings. */
export function configMap(cluster: KubernetesCluster, settings: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(cluster, namesOf(cluster).config),
    data: { 'gantry.yaml': settings },
  };
}

/** Where runs lie; null: the claim is there already. One node at a time writes to it: the coordinator's. */
export function runsClaim(cluster: KubernetesCluster): KubernetesObject | null {
  const { claim, size, className } = cluster.kubernetes.storage;
  if (claim !== null) return null;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: metadata(cluster, namesOf(cluster).runs),
    spec: {
      accessModes: ['ReadWriteOnce'],
      ...(className === null ? {} : { storageClassName: className }),
      resources: { requests: { storage: size } },
    },
  };
}

export function claimName(cluster: KubernetesCluster): string {
  return cluster.kubernetes.storage.claim ?? namesOf(cluster).runs;
}

/**
 * Where the coordinator sees the claim: around the run directory.
 * @throws GantryError GANTRY_CONFIG_INVALID where there is no folder around it, or one that is something else's
 */
export function runsFolder({ out, path }: KubernetesCluster): string {
  const folder = out.slice(0, out.lastIndexOf('/'));
  const taken = Object.values(PATHS).find((other) => within(other, folder) || within(folder, other));
  if (/^(\/[A-Za-z0-9._-]+)+$/.test(folder) && !out.split('/').includes('..') && taken === undefined) return folder;
  const why = taken === undefined ? 'is no folder inside another one' : `lies where the pods have ${taken}`;
  const message = `${path}: out: ${out} ${why}: with kubernetes it is a path on the claim, such as /runs/gantry`;
  throw new GantryError('GANTRY_CONFIG_INVALID', message);
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function metadata(cluster: KubernetesCluster, name: string): KubernetesObject['metadata'] {
  return { name, namespace: cluster.kubernetes.namespace, labels: objectLabels(runLabels(cluster)) };
}
