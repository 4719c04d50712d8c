import { GantryError } from '@gantry/common';
import type { Cluster } from '../core/cluster.js';
import { WISHES_EVERY_MS } from '../core/constants.js';
import { planLaunch } from '../core/launchers/index.js';
import type { LaunchContext, LaunchPlan } from '../core/plan.js';
import { runChecks } from './checks.js';
import { composeCommand } from './compose-command.js';
import { type CoordinatorEvent, LaunchEvents, type LaunchListener } from './launch-events.js';
import { isAlive, LaunchFolder, type LaunchRecord } from './launch-folder.js';
import { ownAddressTowards } from './own-address.js';
import { AttachedLaunch } from './run-attached.js';
import { SubmittedLaunch } from './run-submitted.js';
import { ownerOf, workerKeysIn } from './worker-keys.js';

/** This Gantry, for a plan. */
export interface OwnGantry {
  /** Program and first arguments. */
  readonly command: readonly string[];
  readonly version: string;
}

/** A cluster file with its plan, and the folder of its launch. */
export interface PreparedLaunch {
  readonly cluster: Cluster;
  readonly plan: LaunchPlan;
  readonly folder: LaunchFolder;
}

/** Plans a launch; nothing is written, nothing is run but what looks. @throws GantryError GANTRY_KEYS_INVALID, GANTRY_LAUNCH_FAILED */
export async function prepareLaunch(cluster: Cluster, gantry: OwnGantry): Promise<PreparedLaunch> {
  const folder = LaunchFolder.of(cluster);
  const context: LaunchContext = {
    gantry: gantry.command,
    version: gantry.version,
    folder: folder.path,
    ownAddress: cluster.ssh === null ? '127.0.0.1' : await ownAddressTowards(cluster.ssh),
    workerKeys: cluster.keys === null ? [] : workerKeysIn(cluster.keys),
    compose: cluster.launcher === 'docker' ? await composeCommand() : [],
    user: ownerOf(cluster.keys),
  };
  return { cluster, folder, plan: planLaunch(cluster, context) };
}

/** What a launch can be told while it runs. */
interface RunningLaunch {
  stop(): void;
  abort(): void;
  scale(workers: number): void | Promise<void>;
}

export interface LaunchOptions {
  /** End the launcher once everything is handed over; the run goes on. */
  readonly detach: boolean;
  readonly listener: LaunchListener;
  /** Called with what stops it, before anything starts. */
  readonly onRunning: (running: Pick<RunningLaunch, 'stop' | 'abort'>) => void;
}

/**
 * Launches a cluster, and stays until its run has ended.
 * @returns the run's last event; null: it was detached, or ended without one
 * @throws GantryError GANTRY_LAUNCH_FAILED; GANTRY_RUN_LOCKED where it runs already; GANTRY_DISK_FULL, GANTRY_FILE_FAILED
 */
export async function launchCluster(
  { cluster, plan, folder }: PreparedLaunch,
  { detach, listener, onRunning }: LaunchOptions,
): Promise<CoordinatorEvent | null> {
  refuseSecond(folder);
  const events = new LaunchEvents(listener);
  await runChecks(plan.checks, events);
  folder.make();
  if (plan.kind === 'submitted') folder.makeFolders(plan.folders ?? [], ownerOf(cluster.keys));
  folder.write(plan.files);
  folder.forgetWishes();
  const change = keepRecord(folder, events, {
    cluster: cluster.path,
    launcher: cluster.launcher,
    name: cluster.name,
    out: cluster.out,
    pid: detach ? 0 : process.pid,
    startedAt: new Date().toISOString(),
    workers: cluster.workers,
    state: 'running',
  });
  try {
    if (plan.kind === 'attached') {
      const { maxRestarts = 3 } = cluster.run.settings;
      const launch = new AttachedLaunch(plan, { logs: folder.logs, workers: cluster.workers, maxRestarts, events });
      onRunning(launch);
      const wishes = watchWishes(folder, change, launch);
      const exit = await launch.run();
      clearInterval(wishes);
      throwFailure(events);
      if (events.ending === null && exit.code !== 0) throw coordinatorFailed(exit.lastWords);
      return events.ending;
    }
    const launch = new SubmittedLaunch(plan, { logs: folder.logs, workers: cluster.workers, detach, events });
    onRunning(launch);
    await launch.start();
    if (detach) return null;
    const wishes = watchWishes(folder, change, launch);
    try {
      await launch.run();
    } finally {
      clearInterval(wishes);
    }
    throwFailure(events);
    return events.ending;
  } finally {
    if (!detach) change({ state: 'ended' });
  }
}

function throwFailure({ failure }: LaunchEvents): void {
  if (failure !== null) throw new GantryError('GANTRY_LAUNCH_FAILED', failure);
}

function coordinatorFailed(lastWords: string): GantryError {
  return new GantryError('GANTRY_LAUNCH_FAILED', `the coordinator ended before the run did: ${lastWords}`);
}

function refuseSecond(folder: LaunchFolder): void {
  const known = folder.read();
  if (known === undefined || known.state === 'ended' || known.pid === 0 || !isAlive(known.pid)) return;
  const message = `${known.name} is launched already, by process ${known.pid}: npx gantry launch stop -f ${known.cluster}`;
  throw new GantryError('GANTRY_RUN_LOCKED', message);
}

type ChangeRecord = (change: Partial<LaunchRecord>) => void;

/** Writes the record. Where it cannot be written later on, the run goes on all the same, or ends as it would have. */
function keepRecord(folder: LaunchFolder, events: LaunchEvents, first: LaunchRecord): ChangeRecord {
  let record = first;
  folder.record(record);
  return (change) => {
    record = { ...record, ...change };
    try {
      folder.record(record);
    } catch (error) {
      // What made the run fail is told, and this most likely comes of it.
      if (events.ending?.event !== 'error') events.note((error as Error).message);
    }
  };
}

/** Carries out what other terminals ask for. */
function watchWishes(folder: LaunchFolder, change: ChangeRecord, launch: RunningLaunch): NodeJS.Timeout {
  let done = 0;
  return setInterval(() => {
    const wish = folder.wish();
    if (wish === undefined || wish.number <= done) return;
    done = wish.number;
    if (wish.workers !== undefined) {
      change({ workers: wish.workers });
      void launch.scale(wish.workers);
    }
    if (wish.stop) launch.stop();
  }, WISHES_EVERY_MS);
}
