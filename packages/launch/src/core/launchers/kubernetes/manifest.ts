import { stringify } from 'yaml';
import { coordinatorJob, coordinatorService } from './coordinator.js';
import { namesOf } from './names.js';
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
export function manifestText(cluster: KubernetesCluster, objects: readonly KubernetesObject[]): string {
  const { coordinatorKeys, workerKeys } = namesOf(cluster);
  const head =
    `# ${cluster.name}: written by gantry launch from ${cluster.path}. Its keys are not in here: the secrets\n` +
    `# ${coordinatorKeys} and ${workerKeys} have to be there; gantry launch --dry-run prints the commands.\n`;
  // kubectl reads YAML 1.1, to which a text such as yes is a boolean. An anchor saves a line and costs the reader a search.
  return (
    head + objects.map((object) => stringify(object, { version: '1.1', aliasDuplicateObjects: false })).join('---\n')
  );
}
