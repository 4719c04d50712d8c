import type { RunConfig } from '@gantry/common';
import type { Settings } from '@gantry/coordinator/core';
import type { SimJournal } from './disk.js';
import type { Replica } from './invariants.js';
import { type RunEnd, SimCoordinator } from './sim-coordinator.js';
import { SimWorker, type WorkerEnd } from './sim-worker.js';
import { referenceHashes } from './tiny-gan.js';
import type { World } from './world.js';

/** Where things run in one seed. */
export interface Plan {
  readonly config: RunConfig;
  /** Of the workers that are started by hand, one host each. */
  readonly workerHosts: readonly string[];
  /** Workers that the coordinator starts itself. */
  readonly localWorkers: number;
  readonly coordinatorHost: string;
}

/** How a run may end while somebody does harm to it; whoever operates it starts it again. What that may cost is the monitor's: `gaveUp`. */
const HONEST_ENDS = new Set([
  'GANTRY_WORKER_LOST',
  'GANTRY_WORKER_STALLED',
  'GANTRY_DISK_FULL',
  'GANTRY_FILE_FAILED',
  'GANTRY_INTERRUPTED',
  // Flips again and again, or too few workers whose memory can be relied on.
  'GANTRY_REPLICA_DIVERGED',
  // A run is begun, and whoever should make the memory hangs.
  'GANTRY_SHARED_MEMORY_FAILED',
]);

const HUB = 'hub';

/** Virtual time in which a worker that was asked to leave is let go while others train. */
const LEAVE_MS_MAX = 60_000;

/** The processes of one run, and who operates them: what has ended is started again, as systemd or Kubernetes would. */
export class Cluster {
  readonly world: World;
  readonly plan: Plan;
  readonly workers = new Map<number, SimWorker>();
  coordinator: SimCoordinator | null = null;
  /** Set when the run is complete. */
  result: Extract<RunEnd, { result: unknown }>['result'] | null = null;
  /** Since when, in virtual time, somebody who was asked to leave could have gone. */
  readonly #leaving = new Map<string, number>();
  /** Whose memory a worker was told to have checked: nobody starts another one there if there is another host. */
  readonly #suspectHosts = new Set<string>();
  readonly #onceStarted: (() => void)[] = [];
  #nextPid = 100;
  #nextRun = 1;
  #incarnation = 0;
  readonly #attempts = new Map<string, { pid: number; attempt: number }>();

  constructor(world: World, plan: Plan) {
    this.world = world;
    this.plan = plan;
    this.startCoordinator();
    plan.workerHosts.forEach((host, index) => {
      world.clock.after(world.random.between(0, 400), () =>
        this.startWorker(host, index % 2 === 0 ? `by-hand-${index}` : ''),
      );
    });
  }

  get alive(): SimWorker[] {
    return [...this.workers.values()].filter(({ alive }) => alive);
  }

  get byHand(): SimWorker[] {
    return this.alive.filter(({ options }) => options.launchToken === '');
  }

  startWorker(host: string, worker: string, own: { token: string; attempt: number } | null = null): void {
    if (this.result !== null) return;
    const pid = this.#nextPid++;
    this.world.trace.add(`start w${pid} ${worker} on ${host}`);
    const process = new SimWorker(this.world, {
      host,
      worker,
      launchToken: own?.token ?? '',
      hub: own !== null && worker === HUB,
      pid,
      onExit: (one, end) => this.#onExit(one, end),
    });
    this.workers.set(pid, process);
    if (own !== null) this.#attempts.set(worker, { pid, attempt: own.attempt });
  }

  /** When a coordinator is started again. */
  onceStarted(action: () => void): void {
    this.#onceStarted.push(action);
  }

  startCoordinator(): void {
    if (this.coordinator?.alive || this.result !== null) return;
    const { trace } = this.world;
    const journal = this.#readJournal();
    const { config, localWorkers } = this.plan;
    const incarnation = ++this.#incarnation;
    const token = `token-${incarnation}`;
    const settings: Omit<Settings, 'startedMs'> = {
      runId: journal?.runId ?? `run-${this.#nextRun++}`,
      config,
      localWorkers: Array.from({ length: localWorkers }, (_, index) => `worker-${index}`),
      hub: config.topology === 'star' ? HUB : null,
      launchToken: token,
      hasKeys: false,
      resumeCommand: 'resume',
      resume: journal !== null,
      allowNumbers: false,
      generation: journal?.generation ?? 0,
      distrusted: journal?.distrusted ?? 0,
      formerMembers: localWorkers > 0 ? [] : formerMembersOf(journal),
    };
    trace.add(`start c${incarnation} ${settings.runId} after generation ${settings.generation}`);
    const coordinator: SimCoordinator = new SimCoordinator(
      this.world,
      {
        host: this.plan.coordinatorHost,
        settings,
        localWorkers: this.#localWorkers(token, () => coordinator),
        replicaOf: (pid) => this.#replicaOf(pid),
        replicas: () => this.#replicas(),
        onEnd: (end) => this.#onEnd(end),
        onDeath: () => this.#onCoordinatorDeath(token),
      },
      incarnation,
    );
    this.coordinator = coordinator;
    for (const action of this.#onceStarted.splice(0)) action();
  }

  /** Of one that cannot be read, or is gone, the newest checkpoint knows whose it is; without one the run begins anew. */
  #readJournal(): SimJournal | null {
    const { disk, trace } = this.world;
    if (disk.journal !== null || (!disk.hasJournal && disk.steps.length === 0)) return disk.journal;
    const { newest } = disk;
    trace.add(
      `the journal cannot be read; ${newest === null ? 'the run begins anew' : 'a checkpoint takes its place'}`,
    );
    if (newest === null) {
      disk.clear();
      this.world.monitor.begunAnew();
      return null;
    }
    this.world.monitor.happened('a checkpoint takes the place of the journal');
    const { runId, record } = newest;
    return {
      ...{ runId, generation: 0, committedUpdate: record.update, checkpoint: record, members: null, distrusted: 0 },
    };
  }

  /** What an operator does from time to time: whatever is missing is started. */
  heal(): void {
    this.#expectLeavers();
    this.startCoordinator();
    const missing = this.plan.config.workers - this.alive.filter(({ options }) => !options.hub).length;
    const { workerHosts, coordinatorHost } = this.plan;
    const all = workerHosts.length > 0 ? workerHosts : [coordinatorHost];
    const sound = all.filter((host) => !this.#suspectHosts.has(host));
    const hosts = sound.length > 0 ? sound : all;
    for (let index = 0; index < missing; index++) this.startWorker(hosts[index % hosts.length]!, '');
  }

  /** Whoever was asked to leave has gone when others have trained on for long. */
  #expectLeavers(): void {
    const { coordinator, plan, world } = this;
    const active = coordinator?.alive && coordinator.state.stage === 'training' ? coordinator.state.members : [];
    const isWaitedFor = plan.config.stalled === 'wait' && this.alive.some(({ main }) => main.isHung);
    const isStaying = !isWaitedFor && active.some(({ leaving, status }) => !leaving && status === 'training');
    for (const worker of this.alive) {
      if (!worker.isLeaving || worker.options.hub || worker.frozen || worker.main.isHung || !isStaying)
        this.#leaving.delete(worker.name);
      else if (!this.#leaving.has(worker.name)) this.#leaving.set(worker.name, world.clock.nowMs);
      else if (world.clock.nowMs - this.#leaving.get(worker.name)! > LEAVE_MS_MAX) {
        world.monitor.fail(`${worker.name} was asked to leave and is still there`);
      }
    }
  }

  #localWorkers(token: string, owner: () => SimCoordinator) {
    let isOver = false;
    const { world } = this;
    const find = (worker: string): SimWorker | undefined => {
      const found = this.workers.get(this.#attempts.get(worker)?.pid ?? -1);
      return found?.alive && found.options.launchToken === token ? found : undefined;
    };
    const start = (worker: string, attempt: number): void => {
      // A process takes its time to begin.
      world.clock.after(world.random.between(1, 60), () => {
        if (!isOver && owner().alive) this.startWorker(this.plan.coordinatorHost, worker, { token, attempt });
      });
    };
    const startAgain = (worker: string, attempt: number, delayMs: number): void => {
      if (find(worker) === undefined) world.clock.after(delayMs, () => owner().run(() => start(worker, attempt)));
      else world.clock.after(5, () => startAgain(worker, attempt, delayMs));
    };
    const end = (killed: string | null): void => {
      isOver = true;
      if (killed !== null) find(killed)?.kill();
      world.clock.after(400, () => {
        if (owner().state.failure === null) return;
        for (const one of this.alive) if (one.options.launchToken === token) one.kill();
      });
    };
    return {
      start,
      startAgain,
      kill: (worker: string) => void world.clock.after(0.5, () => find(worker)?.kill()),
      end,
    };
  }

  #replicas(): readonly Replica[] {
    const able = this.alive.filter(({ frozen, isLeaving, main }) => !frozen && !isLeaving && !main.isHung);
    return able.map(({ state, committed: { generation, update } }) => {
      return { worker: state.worker, heldGeneration: generation, heldUpdate: update };
    });
  }

  #replicaOf(pid: number): Replica | null {
    const process = this.workers.get(pid);
    return process?.alive ? { worker: process.name, ...process.held } : null;
  }

  #onExit(process: SimWorker, { error, ...end }: WorkerEnd): void {
    const { options, world } = { options: process.options, world: this.world };
    if (!this.workers.delete(options.pid)) return;
    world.trace.add(`${process.name} ended ${end.code ?? end.signal}`);
    if (error === 'GANTRY_REPLICA_DIVERGED') this.#suspectHosts.add(options.host);
    if (options.launchToken !== '') {
      const { attempt } = this.#attempts.get(options.worker)!;
      world.clock.after(1, () => this.coordinator?.childExit(options.worker, attempt, end));
      return;
    }
    if (!process.isLeaving && this.result === null) {
      world.clock.after(world.random.between(200, 3000), () => this.#replace(options.host, options.worker));
    }
  }

  #replace(host: string, worker: string): void {
    if (this.byHand.length < this.plan.workerHosts.length && !this.#suspectHosts.has(host))
      this.startWorker(host, this.world.random.chance(0.5) ? worker : '');
  }

  #onEnd(end: RunEnd): void {
    const { monitor, disk } = this.world;
    if ('error' in end) {
      const { code, message } = end.error;
      if (code === 'GANTRY_CHECKPOINT_INVALID' && disk.newest === null && disk.steps.length > 0) disk.putDamagedAway();
      else if (!HONEST_ENDS.has(code)) monitor.fail(`the run ended with ${code}: ${message}`);
      return;
    }
    const { update, stateSha256, interrupted } = end.result;
    if (referenceHashes(this.plan.config)[update] !== stateSha256) monitor.fail(`the run ended with another state`);
    if (!interrupted) this.result = end.result;
  }

  #onCoordinatorDeath(token: string): void {
    const { clock, random, trace } = this.world;
    trace.add('the coordinator is gone');
    for (const one of this.alive) {
      if (one.options.launchToken === token) clock.after(random.between(0, 5), () => one.run(() => one.loseParent()));
    }
    clock.after(random.between(100, 4000), () => this.startCoordinator());
  }
}

function formerMembersOf(journal: SimJournal | null): string[] | null {
  return journal === null ? [] : (journal.members?.map(({ worker }) => worker) ?? null);
}
