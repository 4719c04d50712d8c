import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Event, EventLog } from './event-log.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const GANTRY = join(ROOT, 'packages', 'cli', 'bin', 'gantry.js');
/** A hung run is a failure of the test that started it, not of the whole suite. */
const HANG_MS = 150_000;

export type { Event } from './event-log.js';

export interface Finished {
  readonly code: number | null;
  readonly events: readonly Event[];
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly hangMs?: number;
  /** A command that becomes it, as `ip netns exec NAME` does. */
  readonly within?: readonly string[];
}

/** A `gantry` command that runs as a real process, with `--json` output read as it comes. */
export class GantryProcess {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  readonly #log = new EventLog();
  #stderr = '';

  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    { cwd, hangMs = HANG_MS, within = [] }: ProcessOptions = {},
  ) {
    const [program, ...rest] = [...within, process.execPath, GANTRY, ...args];
    this.child = spawn(program!, rest, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => this.child.kill('SIGKILL'), hangMs);
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#log.read(text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.finished = new Promise((resolve) => {
      this.child.on('close', (code) => {
        clearTimeout(timer);
        this.#log.end(this.#stderr);
        resolve({ code, events: this.events, stdout: this.#log.text, stderr: this.#stderr });
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get events(): readonly Event[] {
    return this.#log.events;
  }

  /** Called with every event as it is read. */
  set onEvent(hear: (event: Event) => void) {
    this.#log.onEvent = hear;
  }

  /** The first event that `matches`, as soon as it is printed. */
  until(matches: (event: Event) => boolean): Promise<Event> {
    return this.#log.until(matches);
  }

  untilStep(step: number): Promise<Event> {
    return this.#log.untilStep(step);
  }

  /** So many steps from the last one that was told of. */
  progressed(steps: number): Promise<Event> {
    return this.#log.progressed(steps);
  }
}

/** Runs a command to its end. */
export function gantry(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: ProcessOptions = {},
): Promise<Finished> {
  return new GantryProcess(args, env, options).finished;
}

/** The `done` event of a run that ended well; throws with everything it printed otherwise. */
export function doneOf({ code, events, stdout, stderr }: Finished): Event {
  const done = events.find(({ event }) => event === 'done');
  if (code !== 0 || done === undefined) throw new Error(`gantry ended with ${code}:\n${stdout}\n${stderr}`);
  return done;
}

/** The last `error` event. */
export function errorOf({ events, stdout, stderr }: Finished): Event {
  const error = events.findLast(({ event }) => event === 'error');
  if (error === undefined) throw new Error(`no error was reported:\n${stdout}\n${stderr}`);
  return error;
}

/**
 * The error of a command that failed; throws where it told of none, of more, or of it once more in its notes. What a worker says comes
 * on a way of its own: its word that it was told so may be there before the coordinator's.
 */
export function onlyErrorOf({ code, events, stdout, stderr }: Finished): Event {
  const [error, ...more] = events.filter(({ event }) => event === 'error');
  const notes = stderr.split('\n').filter((line) => !/^worker-\d+ /.test(line));
  const isOne = error !== undefined && more.length === 0 && !notes.join('\n').includes(error.message as string);
  if (code === 0 || !isOne) throw new Error(`not one error was told, exit code ${code}:\n${stdout}\n${stderr}`);
  return error;
}

/** A folder for one test file's runs, removed at its end. */
export class Workspace {
  readonly path = mkdtempSync(join(tmpdir(), 'gantry-test-'));
  #runs = 0;

  /** A new run directory's path. */
  run(): string {
    return join(this.path, `run-${this.#runs++}`);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A small run of the article's GAN: seconds on any machine, S = 4. */
export function trainArguments(out: string, options: Readonly<Record<string, string | number>> = {}): string[] {
  const all = {
    dataset: 'mnist',
    workers: 2,
    shards: 4,
    batch: 16,
    steps: 300,
    seed: 7,
    'sample-every': 0,
    out,
    ...options,
  };
  return ['train', '--json', ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)])];
}

/** Process ids of the live children of a launcher, from Linux's /proc. */
export function workersOf(launcherPid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const { parent, state } = statOf(Number(name));
      return parent === launcherPid && state !== 'Z';
    })
    .map(Number);
}

/** A process's state letter and parent; nothing of one that is gone. */
function statOf(pid: number): { readonly state?: string; readonly parent?: number } {
  try {
    // Behind the name, which stands in brackets and may hold anything.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return { state: state!, parent: Number(parent) };
  } catch {
    return {};
  }
}

export function isAlive(pid: number): boolean {
  const { state } = statOf(pid);
  return state !== undefined && state !== 'Z';
}

/** In the kernel's ticks since boot; empty: it is gone. Tells a process from a later one with its pid. */
export function startTimeOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Gantry's files in shared memory. */
export function sharedMemoryFiles(): string[] {
  return readdirSync('/dev/shm').filter((name) => name.startsWith('gantry'));
}

/** Waits until `condition` holds; the bound is for a broken build, not a measurement. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 50) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never came true: ${what}`);
}
