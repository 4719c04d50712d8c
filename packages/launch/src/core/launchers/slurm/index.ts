import { assert } from '@gantry/common';
import type { Cluster } from '../../cluster.js';
import type { Check, Command, LaunchContext, SubmittedPlan } from '../../plan.js';
import { settingsFile, workersWithKeys } from '../parts.js';
import { controlFile } from './control-script.js';
import { diagnoseSlurm } from './diagnose.js';
import { jobFiles } from './job-script.js';

/**
 * One job: a step for the coordinator on its first node, and one for each worker, so that each can end alone. Workers beyond
 * its tasks, when it is scaled up, get a job each and join. The launch's folder has to be seen by all nodes, as the run directory.
 */
export function planSlurm(cluster: Cluster, context: LaunchContext): SubmittedPlan {
  assert(cluster.slurm !== null && cluster.keys !== null, 'a cluster of launcher slurm has its section and keys');
  const workers = workersWithKeys(cluster, context);
  const scripts = { cluster, context, workers };
  const control = controlFile(scripts);
  const run = (...words: readonly string[]): Command => ({ argv: ['sh', control.path, ...words] });
  return {
    kind: 'submitted',
    files: [settingsFile(cluster, context), ...jobFiles(scripts), control],
    checks: checksOf(cluster),
    start: [run('submit')],
    isStartedAgain: true,
    coordinatorOutput: run('follow'),
    workerOutput: run('workers'),
    writesLogs: true,
    logs: run('logs'),
    status: run('status'),
    health: run('health'),
    diagnose: diagnoseSlurm,
    stop: [run('stop')],
    remove: [run('remove')],
    scale: ({ wanted }) => [run('scale', String(wanted))],
    workersMax: workers.length,
  };
}

function checksOf({ slurm }: Cluster): Check[] {
  const answers: Check = {
    what: 'Slurm answers',
    command: { argv: ['scontrol', 'ping'] },
    expects: 'UP',
    remedy: 'Launch from a machine that has sbatch and can submit jobs; scontrol ping shows what is wrong',
  };
  if (slurm!.partition === null) return [answers];
  const partition: Check = {
    what: `partition ${slurm!.partition}`,
    command: { argv: ['scontrol', 'show', 'partition', slurm!.partition] },
    remedy: 'Set slurm.partition to one of those that sinfo shows',
    after: answers.what,
  };
  return [answers, partition];
}
