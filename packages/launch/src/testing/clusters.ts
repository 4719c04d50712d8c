import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Cluster } from '../core/cluster.js';
import type { LaunchContext } from '../core/plan.js';
import { readCluster } from '../shell/read-cluster.js';

/** A cluster file with these keys, read; its folder is gone afterwards. */
export async function clusterOf(
  file: Readonly<Record<string, unknown>> | string,
  presets?: Parameters<typeof readCluster>[1],
): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-cluster-'));
  const path = join(folder, 'cluster.yaml');
  try {
    writeFileSync(path, typeof file === 'string' ? file : stringify(file));
    return await readCluster(path, presets);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const CONTEXT: LaunchContext = {
  gantry: ['node', 'gantry.js'],
  version: '0.1.0',
  folder: '/work/run.launch',
  ownAddress: '198.18.0.1',
  workerKeys: ['worker-0', 'worker-1', 'worker-2', 'worker-3'],
  compose: ['docker', 'compose'],
  user: { uid: 1234, gid: 1235 },
};
