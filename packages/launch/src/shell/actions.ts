import { setTimeout as sleep } from 'node:timers/promises';
import { GantryError } from '@gantry/common';
import type { Cluster } from '../core/cluster.js';
import { WISHES_EVERY_MS } from '../core/constants.js';
import { type Command, workersMaxOf } from '../core/plan.js';
import type { PreparedLaunch } from './launch.js';
import { isAlive, type LaunchRecord } from './launch-folder.js';
import { outputOf, run } from './processes.js';

/** The record of a launch that runs. @throws GantryError GANTRY_RUN_NOT_FOUND */
export function runningRecord({ cluster, folder }: PreparedLaunch): LaunchRecord {
  const record = folder.read();
  if (record === undefined) {
    const message = `${cluster.name} was never launched from here (${folder.path} is not there): npx gantry launch -f ${cluster.path}`;
    throw new GantryError('GANTRY_RUN_NOT_FOUND', message);
  }
  const gone = record.pid !== 0 && !isAlive(record.pid);
  if (record.state === 'running' && !gone) return record;
  const message = `${cluster.name} does not run any more: npx gantry launch -f ${cluster.path} goes on with it`;
  throw new GantryError('GANTRY_RUN_NOT_FOUND', message);
}

/** More or fewer workers; ends when the launcher has taken the wish, or the commands have run. */
export async function scaleLaunch(launch: PreparedLaunch, workers: number): Promise<void> {
  const record = runningRecord(launch);
  const { plan, folder, cluster } = launch;
  const most = workersMaxOf(plan);
  if (workers > most) {
    const message = `${workers} workers are more than ${cluster.name} has room for: ${most}, by its hosts or keys`;
    throw new GantryError('GANTRY_USAGE', message);
  }
  const allowed = workersAllowed(cluster);
  if (workers > allowed) {
    const message = `${workers} workers are more than ${cluster.name} takes: ${allowed}, by maxWorkers, or one for each of its shards`;
    throw new GantryError('GANTRY_USAGE', message);
  }
  if (record.pid !== 0) {
    folder.ask({ workers });
    return;
  }
  if (plan.kind === 'submitted') {
    await inOrder(plan.scale({ current: record.workers, wanted: workers }));
    folder.record({ ...record, workers });
  }
}

/** More are refused by the coordinator. Shards are fixed when a run begins: by default there are as many as workers. */
function workersAllowed({ workers, run }: Cluster): number {
  const { maxWorkers, shards = workers } = run.settings;
  return maxWorkers ?? Math.max(workers, shards);
}

/** Finish the step, save, end; ends when nothing of it runs any more. */
export async function stopLaunch(launch: PreparedLaunch): Promise<void> {
  const record = runningRecord(launch);
  const { plan, folder } = launch;
  if (record.pid !== 0) {
    folder.ask({ stop: true });
    while (folder.read()?.state === 'running' && isAlive(record.pid)) await sleep(WISHES_EVERY_MS);
    return;
  }
  if (plan.kind === 'submitted') {
    await inOrder(plan.stop);
    await inOrder(plan.remove);
    folder.record({ ...record, state: 'ended' });
  }
}

/** What the scheduler says of it; null: the launcher itself is all there is. */
export async function submittedStatus({ plan }: PreparedLaunch): Promise<string | null> {
  if (plan.kind === 'attached') return null;
  const { output, lastWords, code } = await run(plan.status);
  return code === 0 ? output : lastWords;
}

/** How far the run is, where its directory is not this machine's: `gantry status --json`; null: it is, or nobody can tell now. */
export async function submittedRunStatus({ plan }: PreparedLaunch): Promise<object | null> {
  if (plan.kind === 'attached' || plan.runStatus === undefined) return null;
  const { output, code } = await run(plan.runStatus);
  return code === 0 ? (JSON.parse(output) as object) : null;
}

async function inOrder(commands: readonly Command[]): Promise<void> {
  for (const command of commands) await outputOf(command);
}
