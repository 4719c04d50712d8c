import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { doneOf, type Event, gantry, trainArguments } from '../support/gantry.js';
import { Cluster, runOptions, sleep } from './cluster.js';
import { describeFault, describeScenario, type Fault, type Scenario } from './faults.js';
import { nothingDone, type Performed, perform } from './perform.js';
import type { Place } from './place.js';

/** No recovery takes so long on any machine that can run the tests. */
const RECOVERY_MS_MAX = 90_000;

export interface FaultReport extends Pick<Performed, 'done' | 'inflicted'> {
  readonly fault: Fault;
  /** From the fault, or its end where something was stopped within its lease, to the next step that was told of; null: the run ended before, or nothing was done. */
  readonly recoveryMs: number | null;
}

export interface ChaosReport {
  readonly reports: readonly FaultReport[];
  readonly stateSha256: string;
  readonly left: readonly string[];
}

/** SHA-256 of an undisturbed run; it depends on the shards alone. */
export async function undisturbed(shards: number, folder: string): Promise<string> {
  const options = runOptions({ shards, workers: 1, transport: 'shm', topology: 'direct' });
  const out = join(folder, `undisturbed-${shards}`);
  return doneOf(await gantry(trainArguments(out, options))).stateSha256 as string;
}

/** Runs a scenario to its end. @throws with the seed, the faults and the end of every log, if anything is not as it must be */
export async function runScenario(
  scenario: Scenario,
  options: { folder: string; place: Place; expected: string; onFault: (report: FaultReport) => void },
): Promise<ChaosReport> {
  mkdirSync(options.folder, { recursive: true });
  const cluster = new Cluster(scenario, options);
  const reports: FaultReport[] = [];
  try {
    await cluster.startWorkers();
    await inflictAll(cluster, (report) => {
      reports.push(report);
      options.onFault(report);
    });
    const done = await endOf(cluster);
    const left = await cluster.leftovers();
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
    if (done.stateSha256 !== options.expected) {
      throw new Error(`state ${done.stateSha256}, undisturbed ${options.expected}`);
    }
    return { reports, stateSha256: done.stateSha256, left };
  } catch (cause) {
    cluster.killAll();
    throw new Error(await accountOf(cluster, reports, cause), { cause });
  } finally {
    cluster.remove();
  }
}

/** One after the other, or one in the recovery from the other. */
async function inflictAll(cluster: Cluster, onFault: (report: FaultReport) => void): Promise<void> {
  const pending: Promise<void>[] = [];
  for (const fault of cluster.scenario.faults) {
    if (await cluster.reaches(fault)) await sleep(fault.delayMs);
    const report = inflict(cluster, fault).then(onFault);
    pending.push(report);
    report.catch(() => {});
    if (fault.awaited) await report;
    else await sleep(fault.durationMs / 4);
  }
  await Promise.all(pending);
}

/** Where the last of the members were asked to leave, the run was stopped as by Ctrl-C: it is saved, and goes on. */
async function endOf(cluster: Cluster): Promise<Event> {
  for (;;) {
    const done = doneOf(await cluster.coordinator.finished);
    if (done.interrupted !== true) return done;
    await cluster.resume();
  }
}

async function accountOf(cluster: Cluster, reports: readonly FaultReport[], cause: unknown): Promise<string> {
  const { scenario } = cluster;
  const faults = scenario.faults.map((fault) => {
    const report = reports.find((one) => one.fault === fault);
    return `  ${describeFault(fault)}${report === undefined ? '' : `: ${report.done}`}`;
  });
  const problem = cause instanceof Error ? cause.message : String(cause);
  return [problem, describeScenario(scenario), ...faults, await cluster.account()].join('\n');
}

/** Does it, and waits until the run has recovered. */
async function inflict(cluster: Cluster, fault: Fault): Promise<FaultReport> {
  const before = cluster.seen.length;
  const performed = cluster.isOver ? nothingDone('the run was over') : perform(cluster, fault);
  const { done, inflicted, regroups, sinceMs } = await withBound(performed, describeFault(fault));
  if (!inflicted) return { fault, done, inflicted, recoveryMs: null };
  const recovered = await withBound(recovery(cluster, before, regroups), describeFault(fault));
  return { fault, done, inflicted, recoveryMs: recovered === null ? null : Math.max(0, recovered - sinceMs) };
}

/** When the first step behind a fault was told of. */
async function recovery(cluster: Cluster, before: number, regroups: boolean): Promise<number | null> {
  const ready = regroups ? await cluster.until(before, ({ event }) => event === 'ready') : null;
  if (regroups && ready === null) return null;
  const from = ready === null ? cluster.seen.length : cluster.seen.indexOf(ready);
  const progress = await cluster.until(from, ({ event }) => event === 'progress');
  return progress?.atMs ?? null;
}

async function withBound<T>(work: T | Promise<T>, what: string): Promise<T> {
  const late = new AbortController();
  const bound = new Promise<never>((_, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no end and no recovery in ${RECOVERY_MS_MAX} ms: ${what}`)),
      RECOVERY_MS_MAX,
    );
    late.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  try {
    return await Promise.race([work, bound]);
  } finally {
    late.abort();
  }
}
