import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { GantryError } from '@gantry/common';
import { LineLog } from './line-log.js';
import { processState } from './run-lock.js';

/** How a local worker ended. */
export interface ChildExit {
  readonly worker: string;
  readonly code: number | null;
  readonly signal: string | null;
  readonly lastWords: string;
}

export interface LocalWorkersOptions {
  /** Program and first arguments; `--join ENDPOINT --worker NAME [--hub]` follow. */
  readonly command: readonly string[];
  readonly endpoint: string;
  readonly workers: readonly string[];
  readonly hub: string | null;
  /** Goes by environment, because a command line can be read by everyone on the machine. */
  readonly launchToken: string;
  readonly logs: string;
  /** A key file's text for a worker, by environment too; null: links are not encrypted. */
  readonly launchKey: (worker: string) => string | null;
  readonly onExit: (exit: ChildExit) => void;
}

interface Child {
  readonly worker: string;
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  alive: boolean;
}

/**
 * The worker processes that a coordinator starts. None outlives it: each holds the end of a pipe on descriptor 3 that the
 * kernel closes when this process ends, however it ends; and what lives at a normal exit is killed.
 */
export class LocalWorkers {
  readonly #children: Child[];
  readonly #killAll = (): void => this.#signal('SIGKILL');

  /** Spawns all of them at once. */
  constructor(options: LocalWorkersOptions) {
    process.on('exit', this.#killAll);
    const hubs = options.hub === null ? [] : [options.hub];
    this.#children = [
      ...options.workers.map((worker) => start(options, worker, [])),
      ...hubs.map((hub) => start(options, hub, ['--hub'])),
    ];
  }

  /** All of them have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.ended));
    process.off('exit', this.#killAll);
  }

  /** Those that the kernel shows as stopped; none where it does not say. */
  async stopped(): Promise<string[]> {
    const states = await Promise.all(
      this.#children.map(async ({ worker, alive, process: { pid } }) => ({
        worker,
        state: alive && pid !== undefined ? await processState(pid) : '',
      })),
    );
    return states.filter(({ state }) => state === 'T' || state === 't').map(({ worker }) => worker);
  }

  /** Ends one at once: it hangs, or is stopped, and would hear nothing else. */
  kill(worker: string): void {
    for (const child of this.#children) if (child.worker === worker && child.alive) child.process.kill('SIGKILL');
  }

  /** Waits for them to leave by themselves; SIGTERM after `termMs`, SIGKILL after `killMs`. */
  async end(options: { termMs: number; killMs: number }): Promise<void> {
    const timers = [
      setTimeout(() => this.#signal('SIGTERM'), options.termMs),
      setTimeout(() => this.#signal('SIGKILL'), options.killMs),
    ];
    await this.ended();
    timers.forEach(clearTimeout);
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    for (const { process: child, alive } of this.#children) if (alive) child.kill(signal);
  }
}

function start(options: LocalWorkersOptions, worker: string, extra: readonly string[]): Child {
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
      options.onExit({ worker, code, signal, lastWords: words });
      log.close();
      resolve();
    };
    // `close` waits for its output to end, which a grandchild could hold open: `exit` counts.
    child.on('exit', (code, signal) => setImmediate(() => done(code, signal, log.lastWords)));
    child.on('error', (error) => done(null, null, error.message));
  });
  return state;
}
