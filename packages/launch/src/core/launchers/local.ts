import { deviceOfWorker } from '@gantry/common';
import type { Cluster } from '../cluster.js';
import { LIMITS } from '../constants.js';
import type { AttachedPlan, LaunchContext, PlannedProcess } from '../plan.js';
import { coordinatorArguments, LEAVE_ON_EOF, settingsFile, workersWithKeys } from './parts.js';

const PLACE = 'this machine';

/** The coordinator and every worker on this machine. */
export function planLocal(cluster: Cluster, context: LaunchContext): AttachedPlan {
  const settings = settingsFile(cluster, context);
  const { out, keys, port } = cluster;
  const bind = `tcp://127.0.0.1:${port}`;
  const coordinator = coordinatorArguments({ settings: settings.path, out, keys, bind });
  const env = { ...cluster.environment, ...LEAVE_ON_EOF };
  return {
    kind: 'attached',
    files: [settings],
    checks: [],
    bind,
    coordinator: { name: 'coordinator', place: PLACE, command: { argv: [...context.gantry, ...coordinator], env } },
    places: namesOf(cluster, context).map((name, index) => worker(cluster, context, { name, index })),
  };
}

/** With keys, those who have one. */
function namesOf(cluster: Cluster, context: LaunchContext): readonly string[] {
  if (cluster.keys !== null) return workersWithKeys(cluster, context).slice(0, LIMITS.workersPerHost);
  return Array.from({ length: LIMITS.workersPerHost }, (_, index) => `worker-${index}`);
}

/** Whose key, if there are any, is that of its name; several devices are taken in turns. */
function worker(
  { keys, environment, run }: Cluster,
  { gantry }: LaunchContext,
  { name, index }: { readonly name: string; readonly index: number },
): PlannedProcess {
  const key = keys === null ? [] : ['--keys', `${keys}/${name}.key`];
  const { device } = run.settings;
  const env: Record<string, string> = { ...environment, ...LEAVE_ON_EOF };
  if (device !== undefined) env.GANTRY_DEVICE = deviceOfWorker(device, index);
  return { name, place: PLACE, command: { argv: [...gantry, 'worker', '--worker', name, ...key], env } };
}
