import type { Cluster } from '../../cluster.js';

export type Component = 'coordinator' | 'worker';

/** Names of the objects of a run. */
export interface ObjectNames {
  /** Job and Service. */
  readonly coordinator: string;
  /** Job. */
  readonly worker: string;
  readonly config: string;
  /** The claim, unless there is one already. */
  readonly runs: string;
  readonly coordinatorKeys: string;
  readonly workerKeys: string;
}

export function namesOf({ name }: Pick<Cluster, 'name'>): ObjectNames {
  return {
    coordinator: `${name}-coordinator`,
    worker: `${name}-worker`,
    config: `${name}-config`,
    runs: `${name}-runs`,
    coordinatorKeys: `${name}-coordinator-keys`,
    workerKeys: `${name}-worker-keys`,
  };
}

export type Labels = Readonly<Record<string, string>>;

/** By which everything of a run is found. */
export function runLabels({ name }: Pick<Cluster, 'name'>): Labels {
  return { 'app.kubernetes.io/name': 'gantry', 'app.kubernetes.io/instance': name };
}

export function componentLabels(cluster: Pick<Cluster, 'name'>, component: Component): Labels {
  return { ...runLabels(cluster), 'app.kubernetes.io/component': component };
}

/** Of an object: what it is of, and who looks after it. */
export function objectLabels(labels: Labels): Labels {
  return { ...labels, 'app.kubernetes.io/managed-by': 'gantry-launch' };
}

/** As `kubectl --selector` takes them. */
export function selectorOf(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
