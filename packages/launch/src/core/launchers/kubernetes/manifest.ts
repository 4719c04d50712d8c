import { stringify } from 'yaml';
import { coordinatorJob, coordinatorService } from './coordinator.js';
import { networkPolicy } from './network.js';
import type { KubernetesCluster, KubernetesObject } from './objects.js';
import { configMap, runsClaim } from './storage.js';
import { workerJob } from './workers.js';

/** Everything of a run but its keys, in the order in which it is applied. */
export function kubernetesObjects(cluster: KubernetesCluster, settings: string): KubernetesObject[] {
  const claim = runsClaim(cluster);
  return [
    networkPolicy(cluster),
    configMap(cluster, settings),
    ...(claim === null ? [] : [claim]),
    coordinatorService(cluster),
    coordinatorJob(cluster),
    workerJob(cluster),
  ];
}

/** For `kubectl apply -f`. */
export function manifestText(objects: readonly KubernetesObject[]): string {
  // An anchor saves a line and costs the reader a search.
  return objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
}
