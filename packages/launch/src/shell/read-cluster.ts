import { dirname, resolve } from 'node:path';
import {
  type ConfigFile,
  type ConfigSources,
  readConfigFile,
  readYamlFile,
  resolveConfig,
  throwProblems,
  withPaths,
} from '@gantry/common/config';
import type { Cluster } from '../core/cluster.js';
import { CLUSTER_KEYS, type ClusterFile, clusterSchema } from '../core/cluster-schema.js';
import { clusterProblems, resolveCluster } from '../core/resolve-cluster.js';

/**
 * Reads a cluster file, and the gantry.yaml that it may name. Paths in either are taken from its own folder.
 * @param presets What the settings of `run` stand on: with them it is looked whether they fit each other, too.
 * @throws GantryError GANTRY_CONFIG_INVALID with every problem: file, line, column, bound, and what to do
 */
export async function readCluster(path: string, presets?: ConfigSources['presets']): Promise<Cluster> {
  const kind = { what: 'cluster file', schema: clusterSchema, keys: CLUSTER_KEYS };
  const read = await readYamlFile<ClusterFile>(path, kind);
  const { value: file, where } = read!;
  const folder = dirname(resolve(path));
  const run = await runOf(file, folder, where);
  const sources = {
    path: resolve(path),
    file,
    settings: run.settings,
    resolve: (relative: string) => resolve(folder, relative),
    where,
  };
  throwProblems(clusterProblems(sources));
  const cluster = resolveCluster(sources);
  if (presets !== undefined) {
    const whereRun = (key: string): string => (key in run.settings ? run.where(key) : where(key));
    resolveConfig({ file: { path, settings: cluster.run.settings, where: whereRun }, presets });
  }
  return cluster;
}

type Run = Pick<ConfigFile, 'settings' | 'where'>;

async function runOf({ run = {}, launcher }: ClusterFile, folder: string, where: Run['where']): Promise<Run> {
  if (typeof run === 'string') return (await readConfigFile(resolve(folder, run)))!;
  // Containers have files of their own.
  const settings = launcher === 'docker' || launcher === 'kubernetes' ? run : withPaths(run, folder);
  return { settings, where: (key) => where(`run.${key}`) };
}
