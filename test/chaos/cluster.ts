import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Event,
  GantryProcess,
  isAlive,
  sharedMemoryFiles,
  startTimeOf,
  trainArguments,
  workersOf,
} from '../support/gantry.js';
import { SmallDisk } from '../support/scarcity.js';
import { type Fault, LEASE_MS, type Scenario, STEPS, STRIKES_WORKERS } from './faults.js';
import type { Place } from './place.js';

/** A broken build hangs; a slow machine under faults does not take so long. */
const HANG_MS = 300_000;
/** From the end of the run until nothing of it is left. */
const LEFT_MS_MAX = 20_000;
/** A worker that nobody answered waits so long: the one that joins a run which ends at this moment. */
const UNANSWERED_MS = 5_000;
const LOG_LINES = 60;
/** Some checkpoints of 8 MB, and what is written beside them. */
const DISK_MEGABYTES = 64;

export interface Seen {
  readonly event: Event;
  readonly atMs: number;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A worker that was started by hand, and the host it is on. */
interface Hand {
  readonly process: GantryProcess;
  readonly host: number;
}

/** The processes of one run, through every one of its coordinators. */
export class Cluster {
  readonly out: string;
  readonly scenario: Scenario;
  readonly place: Place;
  readonly #folder: string;
  readonly #temporary: string;
  /** What the run writes to; null where that cannot be arranged. */
  readonly disk: SmallDisk | null;
  /** Events of all coordinators, in order, with the time at which they were read. */
  readonly seen: Seen[] = [];
  coordinator: GantryProcess;
  readonly #hands: Hand[] = [];
  /** Every process that was ever of it, with its start time: the kernel uses a pid again. */
  readonly #pids = new Map<number, string>();
  readonly #endpoints = new Set<string>();
  /** The coordinator's own workers, when it was last asked for them. */
  #own: readonly number[] = [];
  /** A coordinator is being ended, or has been, and the next one will be started: the run is not over. */
  #isReplacing = false;
  #stepMax = 0;

  constructor(scenario: Scenario, { folder, place }: { folder: string; place: Place }) {
    this.scenario = scenario;
    this.place = place;
    this.#folder = folder;
    const disk = join(folder, 'disk');
    this.disk = SmallDisk.mount(disk, DISK_MEGABYTES);
    this.out = join(disk, 'run');
    this.#temporary = join(folder, 'tmp');
    mkdirSync(this.#temporary, { recursive: true });
    const [, ...options] = trainArguments(this.out, runOptions(scenario));
    const command = scenario.mode === 'launched' ? 'train' : 'coordinator';
    this.coordinator = this.#spawnCoordinator([command, ...options]);
  }

  get isOver(): boolean {
    return !this.#isReplacing && !isRunning(this.coordinator);
  }

  /** One coordinator is gone, and the next one is yet to be started. */
  get isAway(): boolean {
    return this.#isReplacing && !isRunning(this.coordinator);
  }

  /** Pids of the workers that run, the oldest first; while the coordinator is away, of those that it had. */
  workers(): number[] {
    const own = isRunning(this.coordinator) ? workersOf(this.coordinator.pid) : [];
    for (const pid of own) this.#know(pid);
    const living = new Set(this.#living());
    // Nobody's children can be asked for once it is gone.
    this.#own = this.#isReplacing ? [...new Set([...this.#own, ...own])].filter((pid) => living.has(pid)) : own;
    const byHand = this.#hands.filter(({ process }) => isRunning(process)).map(({ process }) => process.pid);
    return [...this.#own, ...byHand].sort((a, b) => a - b);
  }

  /** As many workers by hand as the run begins with; a hub is the coordinator's own in any case. */
  async startWorkers(): Promise<void> {
    if (this.scenario.mode === 'launched') return;
    await this.coordinator.until(({ event }) => event === 'start');
    for (let index = 0; index < this.scenario.workers; index++) this.join();
  }

  /** On the host with the fewest workers. */
  join(): GantryProcess {
    const counts = Array.from({ length: this.place.hosts }, (_, host) => this.workersOn(host));
    const host = counts.indexOf(Math.min(...counts));
    const { args, within } = this.place.worker(host);
    const command = ['worker', '--join', this.endpoint, ...args];
    const process = new GantryProcess(command, this.#env, { hangMs: HANG_MS, within });
    this.#hands.push({ process, host });
    this.#know(process.pid);
    return process;
  }

  /** Workers by hand that run on a host. */
  workersOn(host: number): number {
    return this.#hands.filter((hand) => hand.host === host && isRunning(hand.process)).length;
  }

  /**
   * Brings a cluster by hand back to its size: what a person, or the machine's own supervisor, would do. Without a coordinator nobody
   * is started.
   */
  refill(): void {
    if (this.scenario.mode === 'launched' || !isRunning(this.coordinator)) return;
    const missing = this.scenario.workers - this.#hands.filter(({ process }) => isRunning(process)).length;
    for (let index = 0; index < missing; index++) this.join();
  }

  /**
   * Ends the coordinator, and starts the next one so long after that.
   * @param end Says whether there was one to end; while it waits, the run counts as one that goes on.
   * @returns whether there is a next one; not where another is being waited for already
   */
  async replaceCoordinator(end: () => Promise<boolean>, awayMs: number): Promise<boolean> {
    if (this.#isReplacing) return false;
    this.#isReplacing = true;
    const from = this.seen.length;
    try {
      if (!(await end())) return false;
      await this.coordinator.finished;
      await sleep(awayMs);
      this.#spawnNext();
    } finally {
      this.#isReplacing = false;
    }
    await this.#begins(from);
    return true;
  }

  /** The next coordinator of a run whose coordinator has ended. */
  async resume(): Promise<void> {
    const from = this.seen.length;
    this.#spawnNext();
    await this.#begins(from);
  }

  #spawnNext(): void {
    const command = this.scenario.mode === 'launched' ? ['resume'] : ['coordinator', '--resume'];
    this.coordinator = this.#spawnCoordinator([...command, '--json', '--out', this.out]);
  }

  /** Where the one that was started is killed too, the one after it. */
  async #begins(from: number): Promise<void> {
    await this.until(from, ({ event }) => event === 'start');
    this.refill();
  }

  /** Waits for a fault's step, but not where its victims wait for a coordinator. @returns false: the run ended before it */
  async reaches({ kind, atStep }: Fault): Promise<boolean> {
    for (;;) {
      if (this.#stepMax >= atStep || (this.isAway && STRIKES_WORKERS.has(kind))) return true;
      if (this.isOver) return false;
      await sleep(10);
    }
  }

  /** Whether a worker becomes a member that trains; false: it ended, or the run, before that. */
  async takesPart(worker: GantryProcess): Promise<boolean> {
    const hasIt = ({ event, members }: Event): boolean =>
      event === 'ready' && (members as { pid: number }[]).some(({ pid }) => pid === worker.pid);
    return (await this.until(0, hasIt, () => this.isOver || !isRunning(worker))) !== null;
  }

  /** The first event behind the `from`-th that `matches`; null: it is in vain to wait for it, for the run has ended. */
  async until(from: number, matches: (event: Event) => boolean, isInVain = () => this.isOver): Promise<Seen | null> {
    for (let index = from; ; ) {
      for (; index < this.seen.length; index++) if (matches(this.seen[index]!.event)) return this.seen[index]!;
      if (isInVain()) return null;
      await sleep(10);
    }
  }

  get endpoint(): string {
    return this.seen.findLast(({ event }) => event.event === 'start')!.event.endpoint as string;
  }

  /** Everything of it that is still there when it ought to be gone; empty: nothing. */
  async leftovers(): Promise<string[]> {
    let left = await this.#present();
    for (let waited = 0; left.length > 0 && waited < LEFT_MS_MAX; waited += 100) {
      await sleep(100);
      // Nobody is left to answer it: it would wait for the next coordinator, as it ought to.
      if (waited === UNANSWERED_MS) for (const { process } of this.#hands) process.child.kill('SIGTERM');
      left = await this.#present();
    }
    return left;
  }

  async #present(): Promise<string[]> {
    const runs = this.seen.filter(({ event }) => event.event === 'start').map(({ event }) => event.run as string);
    const ports = await Promise.all(
      [...this.#endpoints].map(async (one) => ((await this.place.isBound(one)) ? [one] : [])),
    );
    return [
      ...this.#living().map((pid) => `process ${pid}`),
      ...sharedMemoryFiles().filter((name) => runs.some((run) => name.includes(run))),
      ...readdirSync(this.#temporary).filter((name) => name.startsWith('gantry')),
      ...ports.flat(),
    ];
  }

  /** Ends whatever is left, after a failure. */
  killAll(): void {
    this.workers();
    for (const pid of this.#living()) kill(pid, 'SIGKILL');
  }

  /** Takes away what the run wrote, and what was done to its links. */
  remove(): void {
    this.place.links?.restore();
    this.disk?.unmount();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #know(pid: number): void {
    if (!this.#pids.has(pid)) this.#pids.set(pid, startTimeOf(pid));
  }

  #living(): number[] {
    const same = [...this.#pids].filter(([pid, start]) => isAlive(pid) && startTimeOf(pid) === start);
    return same.map(([pid]) => pid);
  }

  /** The last lines of every log, and what the commands printed. */
  async account(): Promise<string> {
    const folder = join(this.out, 'logs');
    const files = readFolder(folder).map((name) => `--- ${name}\n${tail(readFileSync(join(folder, name), 'utf8'))}`);
    const hands = await Promise.all(
      this.#hands.map(
        async ({ process: { pid, finished } }) => `--- worker by hand, pid ${pid}\n${tail((await finished).stderr)}`,
      ),
    );
    const events = this.seen
      .filter(({ event: { event } }) => event !== 'progress')
      .slice(-LOG_LINES)
      .map(({ event }) => JSON.stringify(event).slice(0, 400));
    const { stderr } = await this.coordinator.finished;
    return ['--- events', ...events, '--- coordinator', tail(stderr), ...files, ...hands].join('\n');
  }

  get #env(): Record<string, string> {
    return { TMPDIR: this.#temporary };
  }

  #spawnCoordinator(args: readonly string[]): GantryProcess {
    const spot = this.place.coordinator;
    const coordinator = new GantryProcess([...args, ...spot.args], this.#env, { hangMs: HANG_MS, within: spot.within });
    this.#know(coordinator.pid);
    coordinator.onEvent = (event) => this.#note(event);
    return coordinator;
  }

  #note(event: Event): void {
    this.seen.push({ event, atMs: performance.now() });
    if (event.event === 'progress') this.#stepMax = Math.max(this.#stepMax, event.step as number);
    if (event.event === 'start') this.#endpoints.add(event.endpoint as string);
    if (event.event === 'joined') this.#know(event.pid as number);
  }
}

/** The options that decide the bits, and those of the cluster. */
export function runOptions({ shards, workers, transport, topology }: Omit<Scenario, 'seed' | 'faults' | 'mode'>) {
  return {
    ...{ shards, workers, transport, topology },
    batch: 100,
    steps: STEPS,
    lease: `${LEASE_MS}ms`,
    'checkpoint-every': 60,
    'max-restarts': 100,
  };
}

/** @returns whether it was there to get it */
export function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

function isRunning({ child }: GantryProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
}
