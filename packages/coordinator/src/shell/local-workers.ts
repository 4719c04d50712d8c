import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { deviceOfWorker, GantryError } from '@gantry/common';
import { EXIT_LOOK_MS, EXIT_MS_MAX, FLIGHT_SUFFIX } from './constants.js';
import { LineLog } from './line-log.js';
import { processState } from './run-lock.js';

/** How a local worker ended. */
export interface ChildExit {
  readonly worker: string;
  readonly code: number | null;
  readonly signal: string | null;
  readonly lastWords: string;
  /** Which of the worker's processes: 0 for the first. */
  readonly attempt: number;
}

export interface LocalWorkersOptions {
  /** Program and first arguments; `--join ENDPOINT --worker NAME [--hub]` follow. */
  readonly command: readonly string[];
  readonly endpoint: string;
  readonly workers: readonly string[];
  readonly hub: string | null;
  /** Of the run: one device, or several that they take turns at. */
  readonly device: string;
  /** Goes by environment, because a command line can be read by everyone on the machine. */
  readonly launchToken: string;
  readonly logs: string;
  /** A key file's text for a worker, by environment too; null: links are not encrypted. */
  readonly launchKey: (worker: string) => string | null;
  readonly onExit: (exit: ChildExit) => void;
}

/** States of a process that runs no more: gone, a zombie, dead. */
const ENDED: ReadonlySet<string> = new Set(['', 'Z', 'X', 'x']);

interface Child {
  readonly worker: string;
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  alive: boolean;
}

/**
 * The worker processes that a coordinator starts, and starts again. None outlives it: each holds the end of a pipe on descriptor
 * 3 that the kernel closes when this process ends, however it ends; and what lives at a normal exit is killed.
 */
export class LocalWorkers {
  readonly #options: LocalWorkersOptions;
  /** By worker, its latest process. */
  readonly #children = new Map<string, Child>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #killAll = (): void => this.#signal('SIGKILL');
  #isOver = false;

  /** Spawns all of them at once. */
  constructor(options: LocalWorkersOptions) {
    this.#options = options;
    process.on('exit', this.#killAll);
    for (const worker of options.workers) this.#start(worker, 0);
    if (options.hub !== null) this.#start(options.hub, 0);
  }

  /** Starts a worker again when its last process has ended, at the earliest in `delayMs`. */
  async startAgain(worker: string, { attempt, delayMs }: { attempt: number; delayMs: number }): Promise<void> {
    await this.#children.get(worker)?.ended;
    if (this.#isOver) return;
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      if (!this.#isOver) this.#start(worker, attempt);
    }, delayMs);
    this.#restarts.add(timer);
  }

  /** All of them have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.ended));
    process.off('exit', this.#killAll);
  }

  /**
   * Its process has ended, or does so within a moment: its exit was told, or will be. A process that exits closes its connections
   * before it is gone, and on a busy machine some time before. Never where the kernel does not say.
   */
  async isEnding(worker: string): Promise<boolean> {
    const child = this.#children.get(worker);
    if (process.platform !== 'linux' || child?.process.pid === undefined) return false;
    for (let waitedMs = 0; waitedMs < EXIT_MS_MAX; waitedMs += EXIT_LOOK_MS) {
      if (!child.alive || ENDED.has(await processState(child.process.pid))) return true;
      await delay(EXIT_LOOK_MS);
    }
    return false;
  }

  /** Those that the kernel shows as stopped; none where it does not say. */
  async stopped(): Promise<string[]> {
    const states = await Promise.all(
      [...this.#children.values()].map(async ({ worker, alive, process: { pid } }) => ({
        worker,
        state: alive && pid !== undefined ? await processState(pid) : '',
      })),
    );
    return states.filter(({ state }) => state === 'T' || state === 't').map(({ worker }) => worker);
  }

  /** Ends one at once: it hangs, or is stopped, and would hear nothing else. */
  kill(worker: string): void {
    const child = this.#children.get(worker);
    if (child?.alive) child.process.kill('SIGKILL');
  }

  /** Ends all others at once. */
  killAllBut(workers: readonly string[]): void {
    for (const worker of this.#children.keys()) if (!workers.includes(worker)) this.kill(worker);
  }

  /** Starts none any more, and waits for them to leave by themselves; SIGTERM after `termMs`, SIGKILL after `killMs`. */
  async end(options: { termMs: number; killMs: number }): Promise<void> {
    this.#isOver = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    const timers = [
      setTimeout(() => this.#signal('SIGTERM'), options.termMs),
      setTimeout(() => this.#signal('SIGKILL'), options.killMs),
    ];
    await this.ended();
    timers.forEach(clearTimeout);
  }

  #start(worker: string, attempt: number): void {
    this.#children.set(worker, start(this.#options, worker, attempt));
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    for (const { process: child, alive } of this.#children.values()) if (alive) child.kill(signal);
  }
}

function start(options: LocalWorkersOptions, worker: string, attempt: number): Child {
  const extra = worker === options.hub ? ['--hub'] : [];
  const [program, ...first] = options.command;
  if (program === undefined) throw new GantryError('GANTRY_INTERNAL', 'no command to start a worker with');
  const log = new LineLog(path.join(options.logs, `${worker}.log`));
  const child = spawn(program, [...first, '--join', options.endpoint, '--worker', worker, ...extra], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      GANTRY_LAUNCH_TOKEN: options.launchToken,
      GANTRY_LAUNCH_KEY: options.launchKey(worker) ?? undefined,
      // Of a worker that a person starts.
      GANTRY_KEYS: undefined,
      GANTRY_DEVICE:
        process.env.GANTRY_DEVICE || deviceOfWorker(options.device, Math.max(0, options.workers.indexOf(worker))),
      GANTRY_FLIGHT_FILE: path.join(options.logs, `${worker}${FLIGHT_SUFFIX}`),
      GANTRY_PARENT_PID: String(process.pid),
      GANTRY_PARENT_FD: '3',
    },
  });
  if (child.stdout !== null) log.follow(child.stdout, 'out');
  if (child.stderr !== null) log.follow(child.stderr, 'err');
  child.stdio[3]?.on('error', () => {});
  const state: { -readonly [K in keyof Child]: Child[K] } = {
    worker,
    process: child,
    alive: true,
    ended: Promise.resolve(),
  };
  state.ended = new Promise((resolve) => {
    const done = (code: number | null, signal: string | null, words: string): void => {
      if (!state.alive) return;
      state.alive = false;
      options.onExit({ worker, code, signal, lastWords: words, attempt });
      log.close();
      resolve();
    };
    // `close` waits for its output to end, which a grandchild could hold open: `exit` counts.
    child.on('exit', (code, signal) => setImmediate(() => done(code, signal, log.lastWords)));
    child.on('error', (error) => done(null, null, error.message));
  });
  return state;
}
