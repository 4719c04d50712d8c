import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert, plural } from '@gantry/common';
import { RESTART_MS, RESTART_MS_MAX } from '../core/constants.js';
import type { AttachedPlan, PlannedProcess } from '../core/plan.js';
import type { LaunchEvents } from './launch-events.js';
import { LaunchLogs } from './launch-logs.js';
import { type Exit, LaunchedProcess, type LineKind } from './processes.js';

/** A place for a worker that is taken. */
interface Worker {
  readonly index: number;
  process: LaunchedProcess | null;
  restart: NodeJS.Timeout | null;
  attempts: number;
  /** It has been asked to leave, or the run is over. */
  leaving: boolean;
}

/**
 * A launch whose processes are this one's children: the coordinator, and workers in the first places. Workers that fail are
 * started again, later every time. It is over when the coordinator has ended; then nothing of it runs.
 */
export class AttachedLaunch {
  readonly #plan: AttachedPlan;
  readonly #events: LaunchEvents;
  readonly #maxRestarts: number;
  readonly #workers = new Map<number, Worker>();
  readonly #logs: LaunchLogs;
  /** Where they are. */
  readonly #logFolder: string;
  #coordinator: LaunchedProcess;
  #endpoint: string | null = null;
  #wanted: number;
  #isOver = false;
  #isStopping = false;

  constructor(
    plan: AttachedPlan,
    options: {
      /** Folder for what each process says. */
      readonly logs: string;
      readonly workers: number;
      readonly maxRestarts: number;
      readonly events: LaunchEvents;
    },
  ) {
    this.#plan = plan;
    this.#events = options.events;
    this.#logFolder = options.logs;
    this.#logs = new LaunchLogs(options.logs, (text) => this.#events.note(text));
    this.#wanted = options.workers;
    this.#maxRestarts = options.maxRestarts;
    this.#coordinator = this.#startCoordinator();
  }

  /** Ends when everything has ended. */
  async run(): Promise<Exit> {
    let exit = await this.#coordinator.ended;
    for (let attempt = 1; this.#wasLost() && attempt <= this.#maxRestarts; attempt++) {
      this.#events.note(`the coordinator ${howItEnded(exit)}; another takes over, and the workers wait for it`);
      await sleep(RESTART_MS);
      this.#coordinator = this.#startCoordinator();
      exit = await this.#coordinator.ended;
    }
    this.#isOver = true;
    await Promise.all([...this.#workers.values()].map((worker) => this.#leave(worker)));
    this.#logs.end();
    return exit;
  }

  /** Finish the step, save, end. */
  stop(): void {
    this.#isStopping = true;
    this.#coordinator.signal('SIGINT');
  }

  /** End now. */
  abort(): void {
    this.#isOver = true;
    for (const { process: child } of this.#workers.values()) child?.signal('SIGKILL');
    this.#coordinator.signal('SIGKILL');
  }

  /** More workers, or fewer: those in the last places leave at the end of their update. */
  scale(workers: number): void {
    const most = this.#plan.places.length;
    if (workers > most) {
      this.#events.note(
        `${workers} workers were asked for, and there is room for ${most}: it stays at ${this.#wanted}`,
      );
      return;
    }
    this.#wanted = workers;
    this.#events.note(`scaling to ${plural(workers, 'worker')}`);
    this.#fill();
    for (const worker of this.#workers.values()) if (worker.index >= workers) void this.#leave(worker);
  }

  #startCoordinator(): LaunchedProcess {
    const { coordinator, bind } = this.#plan;
    const argv = coordinator.command.argv.map((word) => (word === bind ? (this.#endpoint ?? bind) : word));
    return new LaunchedProcess({ ...coordinator.command, argv }, (kind, line) => this.#onCoordinator(kind, line));
  }

  /** It has begun the run, and ended without a word of how that ended. */
  #wasLost(): boolean {
    return !this.#isOver && !this.#isStopping && this.#endpoint !== null && this.#events.ending === null;
  }

  #fill(): void {
    if (this.#isOver || this.#endpoint === null) return;
    for (let index = 0; index < this.#wanted; index++) {
      const known = this.#workers.get(index);
      if (known !== undefined && !known.leaving) continue;
      if (known?.process?.isOver === false) continue;
      const worker: Worker = { index, process: null, restart: null, attempts: 0, leaving: false };
      this.#workers.set(index, worker);
      this.#start(worker);
    }
  }

  #start(worker: Worker): void {
    const planned = this.#plan.places[worker.index]!;
    const env = { GANTRY_JOIN: this.#endpoint!, ...planned.command.env };
    worker.restart = null;
    worker.process = new LaunchedProcess({ ...planned.command, env }, (kind, line) =>
      this.#onLine(planned, kind, line),
    );
    void worker.process.ended.then((exit) => this.#onEnded(worker, planned, exit));
  }

  #onEnded(worker: Worker, { name, place }: PlannedProcess, exit: Exit): void {
    if (this.#isOver) return;
    if (worker.leaving) {
      // The place may have been wanted again meanwhile.
      this.#fill();
      return;
    }
    // 0: it left because it was told to, and nobody asked for another.
    if (exit.code === 0) return;
    const how = howItEnded(exit);
    if (worker.attempts >= this.#maxRestarts) {
      const given = `${name} on ${place} ${how}. It was started ${plural(worker.attempts + 1, 'time')}`;
      if (this.#events.hasTrained || this.#isStopping) this.#events.note(`${given}, and is given up`);
      else this.#fail(`training cannot begin: ${given}. All it said is in ${join(this.#logFolder, `${name}.log`)}`);
      return;
    }
    const delayMs = Math.min(RESTART_MS_MAX, RESTART_MS * 2 ** worker.attempts++);
    this.#events.note(`${name} on ${place} ${how}. It is started again in ${delayMs / 1000} s`);
    worker.restart = setTimeout(() => this.#start(worker), delayMs);
  }

  /** A run that waits for a worker that does not come would wait for ever. */
  #fail(problem: string): void {
    this.#events.fail(problem);
    this.stop();
  }

  async #leave(worker: Worker): Promise<void> {
    worker.leaving = true;
    if (worker.restart !== null) clearTimeout(worker.restart);
    await worker.process?.leave();
  }

  #onCoordinator(kind: LineKind, line: string): void {
    this.#logs.write('coordinator', line);
    if (kind === 'err') {
      this.#events.line('coordinator', line);
      return;
    }
    const event = this.#events.parse(line);
    if (event?.event === 'start') {
      assert(typeof event.endpoint === 'string', 'a start event has an endpoint');
      this.#endpoint = event.endpoint;
      this.#fill();
    }
  }

  #onLine({ name }: PlannedProcess, _kind: LineKind, line: string): void {
    this.#logs.write(name, line);
    this.#events.line(name, line);
  }
}

function howItEnded({ code, signal, lastWords }: Exit): string {
  const how = signal === null ? `ended with ${code ?? 'no code'}` : `was ended by ${signal}`;
  return lastWords === '' ? how : `${how}: ${lastWords}`;
}
