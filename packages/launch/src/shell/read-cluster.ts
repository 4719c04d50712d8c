import { dirname, resolve } from 'node:path';
import { readConfigFile, readYamlFile, type Settings, throwProblems, withPaths } from '@gantry/common/config';
import type { Cluster } from '../core/cluster.js';
import { CLUSTER_KEYS, type ClusterFile, clusterSchema } from '../core/cluster-schema.js';
import { clusterProblems, resolveCluster } from '../core/resolve-cluster.js';

/**
 * Reads a cluster file, and the gantry.yaml that it may name. Paths in either are taken from its own folder.
 * @throws GantryError GANTRY_CONFIG_INVALID with every problem: file, line, column, bound, and what to do
 */
export async function readCluster(path: string): Promise<Cluster> {
  const kind = { what: 'cluster file', schema: clusterSchema, keys: CLUSTER_KEYS };
  const read = await readYamlFile<ClusterFile>(path, kind);
  const { value: file, where } = read!;
  const folder = dirname(resolve(path));
  const sources = {
    path: resolve(path),
    file,
    settings: await settingsOf(file, folder),
    resolve: (relative: string) => resolve(folder, relative),
    where,
  };
  throwProblems(clusterProblems(sources));
  return resolveCluster(sources);
}

async function settingsOf({ run = {}, launcher }: ClusterFile, folder: string): Promise<Settings> {
  if (typeof run === 'string') return (await readConfigFile(resolve(folder, run)))!.settings;
  // Containers have files of their own.
  return launcher === 'docker' || launcher === 'kubernetes' ? run : withPaths(run, folder);
}
