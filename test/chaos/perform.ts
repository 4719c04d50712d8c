import { isAlive } from '../support/gantry.js';
import { MemoryCage } from '../support/scarcity.js';
import { type Cluster, kill, sleep } from './cluster.js';
import { type Fault, rateOf } from './faults.js';

/** Far less than a regrouping worker asks for. */
const CAGE_BYTES = 2 ** 20;
/** It asks for it as soon as it hears that another is gone: at the latest when that one's lease is over. */
const OUT_OF_MEMORY_MS_MAX = 10_000;
let cages = 0;

export interface Performed {
  /** What it was done to, in words; or why nothing was done. */
  readonly done: string;
  /** Whether something happened to the run: there was a worker to stop, a disk to fill, somebody behind the link that was cut. */
  readonly inflicted: boolean;
  /** Nobody may go on before there is a new generation. */
  readonly regroups: boolean;
  readonly sinceMs: number;
}

function performed(done: string, regroups: boolean, sinceMs = performance.now()): Performed {
  return { done, inflicted: true, regroups, sinceMs };
}

/** @param why in words */
export function nothingDone(why: string): Performed {
  return { done: why, inflicted: false, regroups: false, sinceMs: performance.now() };
}

/** @returns those that were there to get it */
function killAll(pids: readonly number[]): number[] {
  return pids.filter((pid) => kill(pid, 'SIGKILL'));
}

/** Does it. */
export async function perform(cluster: Cluster, fault: Fault): Promise<Performed> {
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
      return freeze(cluster, fault, one);
    case 'leave':
      return leave(cluster, fault, one);
    case 'join':
      return join(cluster);
    case 'freeze-coordinator-short':
    case 'freeze-coordinator-long':
      return freeze(cluster, fault, cluster.coordinator.pid);
    case 'kill-coordinator':
      return killCoordinator(cluster, fault, []);
    case 'kill-everything':
      return killCoordinator(cluster, fault, workers);
    case 'kill-while-away':
    case 'stop-while-away':
      return strikeWhileAway(cluster, fault, one);
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
  const where = cluster.isAway ? ' while the coordinator is away' : '';
  if (cluster.scenario.mode !== 'launched') {
    await sleep(durationMs);
    cluster.refill();
  }
  return performed(`killed ${killed.join(' ')}${where}`, true, sinceMs);
}

async function freeze(cluster: Cluster, { kind, durationMs }: Fault, pid: number | undefined): Promise<Performed> {
  const stoppedMs = performance.now();
  if (pid === undefined || !kill(pid, 'SIGSTOP')) return nothingDone('nobody to stop');
  const where = cluster.isAway ? ' while the coordinator is away' : '';
  await sleep(durationMs);
  const sinceMs = kind === 'stop-long' ? stoppedMs : performance.now();
  if (isAlive(pid)) kill(pid, 'SIGCONT');
  return performed(`${pid} stopped for ${durationMs} ms${where}`, kind === 'stop-long', sinceMs);
}

/** Not the last one: that would stop the run as Ctrl-C does. */
async function leave(cluster: Cluster, { durationMs }: Fault, pid: number | undefined): Promise<Performed> {
  if (cluster.isAway) return nothingDone('no coordinator to tell of it');
  if (pid === undefined || cluster.workers().length < 3) return nothingDone('too few to let one leave');
  const sinceMs = performance.now();
  if (!kill(pid, 'SIGTERM')) return nothingDone('nobody to let leave');
  if (cluster.scenario.mode !== 'launched') {
    await sleep(durationMs);
    cluster.refill();
  }
  return performed(`${pid} left`, false, sinceMs);
}

/** Where all places are taken the newcomer is refused, and nothing has happened to the run. */
async function join(cluster: Cluster): Promise<Performed> {
  if (cluster.isAway) return nothingDone('no coordinator to join');
  const worker = cluster.join();
  const isMember = await cluster.takesPart(worker);
  return isMember ? performed(`worker ${worker.pid} joined`, false) : nothingDone(`worker ${worker.pid} took no part`);
}

/** Workers by hand wait for the next one, unless they are killed with it, or were before: nobody is started without a coordinator. */
async function killCoordinator(
  cluster: Cluster,
  { durationMs }: Fault,
  workers: readonly number[],
): Promise<Performed> {
  const sinceMs = performance.now();
  const end = async (): Promise<boolean> => {
    // Gone already, it is started again by whoever ended it.
    if (!kill(cluster.coordinator.pid, 'SIGKILL')) return false;
    killAll(workers);
    return true;
  };
  if (!(await cluster.replaceCoordinator(end, durationMs))) return nothingDone('no coordinator to kill');
  return performed(workers.length > 0 ? `killed everything` : 'killed the coordinator', true, sinceMs);
}

/** A worker that was killed is replaced when there is a coordinator again; one that was stopped goes on at about that time. */
async function strikeWhileAway(cluster: Cluster, fault: Fault, worker: number | undefined): Promise<Performed> {
  if (worker === undefined) return nothingDone('nobody to strike');
  const sinceMs = performance.now();
  const strikes: Promise<Performed>[] = [];
  const end = async (): Promise<boolean> => {
    if (!kill(cluster.coordinator.pid, 'SIGKILL')) return false;
    await cluster.coordinator.finished;
    await sleep(fault.durationMs / 2);
    strikes.push(
      fault.kind === 'kill-while-away' ? killWorkers(cluster, fault, [worker]) : freeze(cluster, fault, worker),
    );
    return true;
  };
  if (!(await cluster.replaceCoordinator(end, fault.durationMs / 2))) return nothingDone('no coordinator to kill');
  const { done, inflicted } = await strikes[0]!;
  return inflicted ? performed(done, true, sinceMs) : nothingDone(`killed the coordinator, but ${done}`);
}

/** Done only where the kernel itself has killed somebody: the first of two, when it regroups because the second was killed. */
async function takeMemory(cluster: Cluster, { durationMs }: Fault, pids: readonly number[]): Promise<Performed> {
  const [confined, killed] = pids;
  if (cluster.isAway || confined === undefined || killed === undefined)
    return nothingDone('nobody to take memory from');
  const cage = MemoryCage.make(`gantry-chaos-${process.pid}-${cages++}`, CAGE_BYTES);
  if (cage === null) return nothingDone('no memory to take');
  try {
    if (!cage.confine(confined)) return nothingDone('nobody to take memory from');
    const sinceMs = performance.now();
    killAll([killed]);
    await hasEnded(confined);
    const isDone = cage.kills > 0;
    await sleep(durationMs);
    return isDone
      ? performed(`the kernel killed ${confined} for memory, after ${killed} was killed`, true, sinceMs)
      : nothingDone(`killed ${killed}, but the kernel did not kill ${confined} for memory`);
  } finally {
    if (isAlive(confined)) kill(confined, 'SIGKILL');
    await cage.remove();
    cluster.refill();
  }
}

/** Or it is late: it has had its chance to die of what was done to it. */
async function hasEnded(pid: number): Promise<void> {
  for (let waited = 0; isAlive(pid) && waited < OUT_OF_MEMORY_MS_MAX; waited += 20) await sleep(20);
}

/** The coordinator ends the run at the first thing that it cannot write, says so, and it can be resumed. */
async function fillDisk(cluster: Cluster, { durationMs }: Fault): Promise<Performed> {
  const { disk } = cluster;
  if (disk === null) return nothingDone('no disk to fill');
  const sinceMs = performance.now();
  const end = async (): Promise<boolean> => {
    disk.fill();
    const { code, events } = await cluster.coordinator.finished;
    disk.empty();
    const error = events.find(({ event }) => event === 'error');
    if (code === 1 && error?.code === 'GANTRY_DISK_FULL') return true;
    throw new Error(`a full disk ended the run with ${code}, ${JSON.stringify(error)}`);
  };
  if (!(await cluster.replaceCoordinator(end, durationMs))) return nothingDone('no coordinator to end');
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
  return cluster.place.links?.isCoordinators(host) ? !cluster.isAway : cluster.workersOn(host) > 0;
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
