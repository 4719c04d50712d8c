import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { doneOf, type Event, gantry, isAlive, trainArguments } from '../support/gantry.js';
import { MemoryCage } from '../support/scarcity.js';
import { Cluster, kill, runOptions, sleep } from './cluster.js';
import { describeFault, describeScenario, type Fault, rateOf, type Scenario } from './faults.js';
import type { Place } from './place.js';

/** No recovery takes so long on any machine that can run the tests. */
const RECOVERY_MS_MAX = 90_000;
/** Far less than a regrouping worker asks for. */
const CAGE_BYTES = 2 ** 20;
let cages = 0;

export interface FaultReport {
  readonly fault: Fault;
  /** What it was done to, in words; or why nothing was done. */
  readonly done: string;
  /** Whether something happened to the run: there was a worker to stop, a disk to fill, somebody behind the link that was cut. */
  readonly inflicted: boolean;
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
    const pending: Promise<void>[] = [];
    for (const fault of scenario.faults) {
      const reached = await cluster.until(
        0,
        ({ event, step }) => event === 'progress' && (step as number) >= fault.atStep,
      );
      if (reached === null) break;
      await sleep(fault.delayMs);
      if (cluster.isOver) break;
      const report = inflict(cluster, fault).then((one) => {
        reports.push(one);
        options.onFault(one);
      });
      pending.push(report);
      report.catch(() => {});
      if (fault.awaited) await report;
      else await sleep(fault.durationMs / 4);
    }
    await Promise.all(pending);
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

/** Where the last of the members were asked to leave, the run was stopped as by Ctrl-C: it is saved, and goes on. */
async function endOf(cluster: Cluster): Promise<Event> {
  for (;;) {
    const done = doneOf(await cluster.coordinator.finished);
    if (done.interrupted !== true) return done;
    await cluster.resume();
    await cluster.coordinator.until(({ event }) => event === 'start');
    cluster.refill();
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
  const { done, inflicted, regroups, sinceMs } = await perform(cluster, fault);
  if (!inflicted) return { fault, done, inflicted, recoveryMs: null };
  const recovered = await withBound(recovery(cluster, before, regroups), () => describeFault(fault));
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

async function withBound<T>(work: Promise<T>, what: () => string): Promise<T> {
  const late = new AbortController();
  const bound = new Promise<never>((_, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no recovery in ${RECOVERY_MS_MAX} ms: ${what()}`)),
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

interface Performed extends Pick<FaultReport, 'done' | 'inflicted'> {
  /** Nobody may go on before there is a new generation. */
  readonly regroups: boolean;
  readonly sinceMs: number;
}

function performed(done: string, regroups: boolean, sinceMs = performance.now()): Performed {
  return { done, inflicted: true, regroups, sinceMs };
}

/** @param why in words */
function nothingDone(why: string): Performed {
  return { done: why, inflicted: false, regroups: false, sinceMs: performance.now() };
}

/** @returns those that were there to get it */
function killAll(pids: readonly number[]): number[] {
  return pids.filter((pid) => kill(pid, 'SIGKILL'));
}

async function perform(cluster: Cluster, fault: Fault): Promise<Performed> {
  const workers = cluster.workers();
  const one = workers[Math.floor(fault.pick * workers.length)];
  switch (fault.kind) {
    case 'kill-one':
      return killWorkers(cluster, fault, one === undefined ? [] : [one]);
    case 'kill-several':
      return killWorkers(
        cluster,
        fault,
        rotate(workers, fault.pick).slice(0, Math.max(1, Math.ceil(workers.length / 2))),
      );
    case 'kill-all-but-one':
      return killWorkers(cluster, fault, rotate(workers, fault.pick).slice(1));
    case 'kill-all':
      return killWorkers(cluster, fault, workers);
    case 'stop-short':
    case 'stop-long':
      return freeze(fault, one);
    case 'leave':
      return leave(cluster, fault, one);
    case 'join':
      return performed(`worker ${cluster.join().pid} joins`, false);
    case 'freeze-coordinator-short':
    case 'freeze-coordinator-long':
      return freeze(fault, cluster.coordinator.pid);
    case 'kill-coordinator':
      return killCoordinator(cluster, fault, []);
    case 'kill-everything':
      return killCoordinator(cluster, fault, workers);
    case 'no-memory':
      return takeMemory(cluster, fault, rotate(workers, fault.pick));
    case 'no-disk':
      return fillDisk(cluster, fault);
    case 'cut-short':
    case 'cut-long':
    case 'cut-half':
      return cutLinks(cluster, fault);
    case 'slow-link':
      return slowLink(cluster, fault);
  }
}

function rotate(pids: readonly number[], pick: number): number[] {
  const at = Math.floor(pick * pids.length);
  return [...pids.slice(at), ...pids.slice(0, at)];
}

async function killWorkers(cluster: Cluster, { durationMs }: Fault, pids: readonly number[]): Promise<Performed> {
  const sinceMs = performance.now();
  const killed = killAll(pids);
  if (killed.length === 0) return nothingDone('nobody to kill');
  if (cluster.scenario.mode !== 'launched') {
    await sleep(durationMs);
    cluster.refill();
  }
  return performed(`killed ${killed.join(' ')}`, true, sinceMs);
}

async function freeze({ kind, durationMs }: Fault, pid: number | undefined): Promise<Performed> {
  const stoppedMs = performance.now();
  if (pid === undefined || !kill(pid, 'SIGSTOP')) return nothingDone('nobody to stop');
  await sleep(durationMs);
  const sinceMs = kind === 'stop-long' ? stoppedMs : performance.now();
  if (isAlive(pid)) kill(pid, 'SIGCONT');
  return performed(`${pid} stopped for ${durationMs} ms`, kind === 'stop-long', sinceMs);
}

/** Not the last one: that would stop the run as Ctrl-C does. */
async function leave(cluster: Cluster, { durationMs }: Fault, pid: number | undefined): Promise<Performed> {
  if (pid === undefined || cluster.workers().length < 3) return nothingDone('too few to let one leave');
  const sinceMs = performance.now();
  if (!kill(pid, 'SIGTERM')) return nothingDone('nobody to let leave');
  if (cluster.scenario.mode !== 'launched') {
    await sleep(durationMs);
    cluster.refill();
  }
  return performed(`${pid} left`, false, sinceMs);
}

/** Workers by hand wait for the next one, unless they are killed with it, or were before: nobody is started without a coordinator. */
async function killCoordinator(
  cluster: Cluster,
  { durationMs }: Fault,
  workers: readonly number[],
): Promise<Performed> {
  const sinceMs = performance.now();
  // Gone already, it is started again by whoever ended it.
  if (!kill(cluster.coordinator.pid, 'SIGKILL')) return nothingDone('no coordinator to kill');
  killAll(workers);
  await cluster.coordinator.finished;
  await sleep(durationMs);
  await cluster.resume();
  if (cluster.scenario.mode !== 'launched') {
    await cluster.coordinator.until(({ event }) => event === 'start');
    cluster.refill();
  }
  return performed(workers.length > 0 ? `killed everything` : 'killed the coordinator', true, sinceMs);
}

async function takeMemory(cluster: Cluster, fault: Fault, [confined, killed]: readonly number[]): Promise<Performed> {
  const cage = MemoryCage.make(`gantry-chaos-${process.pid}-${cages++}`, CAGE_BYTES);
  if (cage === null || confined === undefined || killed === undefined) return nothingDone('no memory to take');
  try {
    if (!cage.confine(confined)) return nothingDone('nobody to take memory from');
    const { sinceMs } = await killWorkers(cluster, fault, [killed]);
    await sleep(fault.durationMs);
    return performed(`${confined} without memory, killed ${killed}`, true, sinceMs);
  } finally {
    // It has had its chance to die of it; what it is used for after this counts as the next fault's.
    if (isAlive(confined)) kill(confined, 'SIGKILL');
    await cage.remove();
    cluster.refill();
  }
}

/** The coordinator ends the run at the first thing that it cannot write, says so, and it can be resumed. */
async function fillDisk(cluster: Cluster, { durationMs }: Fault): Promise<Performed> {
  if (cluster.disk === null) return nothingDone('no disk to fill');
  const sinceMs = performance.now();
  cluster.disk.fill();
  const finished = await cluster.coordinator.finished;
  cluster.disk.empty();
  const error = finished.events.find(({ event }) => event === 'error');
  if (finished.code !== 1 || error?.code !== 'GANTRY_DISK_FULL') {
    throw new Error(`a full disk ended the run with ${finished.code}, ${JSON.stringify(error)}`);
  }
  await sleep(durationMs);
  await cluster.resume();
  await cluster.coordinator.until(({ event }) => event === 'start');
  cluster.refill();
  return performed('no room on the disk', true, sinceMs);
}

/** Nobody is told. Who is behind a link that is cut for longer than the lease is done without, and comes back. */
async function cutLinks(cluster: Cluster, { kind, durationMs, pick }: Fault): Promise<Performed> {
  const { links, hosts } = cluster.place;
  if (links === null) return nothingDone('no link to cut');
  const first = Math.floor(pick * (kind === 'cut-half' ? hosts : links.count));
  const count = kind === 'cut-half' ? hosts / 2 : 1;
  const cut = Array.from({ length: count }, (_, index) => (count === 1 ? first : (first + index) % hosts));
  const names = cut.map((host) => links.nameOf(host)).join(' and ');
  if (!cut.some((host) => isInUse(cluster, host))) return nothingDone(`nobody on ${names} to cut off`);
  const isLong = kind !== 'cut-short';
  const cutMs = performance.now();
  for (const host of cut) links.cut(host);
  await sleep(durationMs);
  for (const host of cut) links.mend(host);
  return performed(`${names} cut off for ${durationMs} ms`, isLong, isLong ? cutMs : performance.now());
}

/** Whether anything of the run is behind the link of a host. */
function isInUse(cluster: Cluster, host: number): boolean {
  return cluster.place.links?.isCoordinators(host) === true || cluster.workersOn(host) > 0;
}

async function slowLink(cluster: Cluster, fault: Fault): Promise<Performed> {
  const { links } = cluster.place;
  if (links === null) return nothingDone('no link to slow');
  const host = Math.floor(fault.pick * links.count);
  if (!isInUse(cluster, host)) return nothingDone(`nobody on ${links.nameOf(host)} to slow`);
  const rate = rateOf(fault);
  links.slow(host, rate);
  await sleep(fault.durationMs);
  links.hasten(host);
  return performed(`${rate} to and from ${links.nameOf(host)} for ${fault.durationMs} ms`, false);
}
