import type { Cluster, KubernetesSettings } from '../../cluster.js';
import type { Labels } from './names.js';

/** A cluster file of this launcher. */
export interface KubernetesCluster extends Cluster {
  readonly kubernetes: KubernetesSettings;
}

/** An object as it is applied. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Labels };
  readonly [field: string]: unknown;
}

/** Pods in a job, as far as more than one file needs to know. */
export interface PodTemplate {
  readonly metadata: { readonly labels: Labels; readonly annotations?: Labels };
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

export type PodVolume = { readonly name: string } & Readonly<Record<string, unknown>>;

export function environmentList(variables: Labels): EnvironmentVariable[] {
  return Object.entries(variables).map(([name, value]) => ({ name, value }));
}
