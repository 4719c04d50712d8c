import type { Cluster } from '../cluster.js';
import { LIMITS } from '../constants.js';
import type { AttachedPlan, LaunchContext, PlannedProcess } from '../plan.js';
import { coordinatorArguments, LEAVE_ON_EOF, settingsFile } from './parts.js';

/** The coordinator and every worker on this machine. */
export function planLocal(cluster: Cluster, context: LaunchContext): AttachedPlan {
  const settings = settingsFile(cluster, context);
  const { out, keys, port } = cluster;
  const env = { ...cluster.environment, ...LEAVE_ON_EOF };
  const place = 'this machine';
  const bind = `tcp://127.0.0.1:${port}`;
  const coordinator = coordinatorArguments({ settings: settings.path, out, keys, bind });
  const worker = (index: number): PlannedProcess => {
    const name = `worker-${index}`;
    const key = keys === null ? [] : ['--keys', `${keys}/${name}.key`];
    return { name, place, command: { argv: [...context.gantry, 'worker', '--worker', name, ...key], env } };
  };
  return {
    kind: 'attached',
    files: [settings],
    checks: [],
    bind,
    coordinator: { name: 'coordinator', place, command: { argv: [...context.gantry, ...coordinator], env } },
    places: Array.from({ length: LIMITS.workersPerHost }, (_, index) => worker(index)),
  };
}
