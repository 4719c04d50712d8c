import { setTimeout as sleep } from 'node:timers/promises';
import { GantryError } from '@gantry/common';
import { FOLLOW_AGAIN_MS, LOOK_AT_START_MS } from '../core/constants.js';
import { type NamedLine, namedLine } from '../core/named-line.js';
import type { Command, SubmittedPlan } from '../core/plan.js';
import { printCommand } from '../core/print-plan.js';
import { type Guard, startGuard } from './guard.js';
import type { LaunchEvents } from './launch-events.js';
import { LaunchLogs } from './launch-logs.js';
import { LaunchedProcess, outputOf, run } from './processes.js';
import { ReadOnce } from './read-once.js';

/**
 * A launch that something else runs: it is handed over, followed to its end, and taken away. Where the launcher itself ends
 * before, a guard takes it away.
 */
export class SubmittedLaunch {
  readonly #plan: SubmittedPlan;
  readonly #events: LaunchEvents;
  readonly #followers = new Set<LaunchedProcess>();
  readonly #guard: Guard | null;
  readonly #logFolder: string;
  /** Null: they are written already. */
  readonly #logs: LaunchLogs | null;
  #workerFollower: LaunchedProcess | undefined;
  #workers: number;
  #isOver = false;
  #stopping: Promise<void> | null = null;
  /** Why it does not run. */
  #problem: string | null = null;

  constructor(
    plan: SubmittedPlan,
    options: {
      /** Folder for what each process says. */
      readonly logs: string;
      readonly workers: number;
      readonly detach: boolean;
      readonly events: LaunchEvents;
    },
  ) {
    this.#plan = plan;
    this.#events = options.events;
    this.#workers = options.workers;
    this.#logFolder = options.logs;
    this.#logs = plan.writesLogs === true ? null : new LaunchLogs(options.logs, (text) => this.#events.note(text));
    this.#events.expectMore(plan.isStartedAgain ?? false);
    this.#guard = options.detach ? null : startGuard([...plan.stop, ...plan.remove]);
  }

  /** @throws GantryError GANTRY_LAUNCH_FAILED with the words of the command that failed; nothing of it is left then */
  async start(): Promise<void> {
    try {
      for (const command of this.#plan.start) await outputOf(command);
    } catch (error) {
      await this.#remove();
      throw error;
    }
  }

  /**
   * Follows it to the end of the run, then takes it away.
   * @throws GantryError GANTRY_LAUNCH_FAILED where it ended, or could not start, without a word of the coordinator's
   */
  async run(): Promise<void> {
    const { coordinatorOutput, workerOutput, readLine } = this.#plan;
    const workers = this.#follow(workerOutput, readLine ?? namedLine, ({ name, line }) => this.#events.line(name, line))
      // Where it is over because of them, the coordinator may go on waiting: what it has said by then is read.
      .then(() => (this.#problem === null ? undefined : this.#endSoon()));
    void this.#watchStart();
    const asItIs = (line: string): NamedLine => ({ name: 'coordinator', line });
    await this.#follow(coordinatorOutput, readLine ?? asItIs, ({ line }) => this.#events.parse(line));
    await this.#stopping;
    this.#events.settle();
    this.#endFollowing();
    await workers;
    this.#logs?.end();
    await this.#remove();
    if (this.#events.ending === null) {
      const unknown = 'the coordinator has ended without a word of how the run did';
      throw new GantryError('GANTRY_LAUNCH_FAILED', this.#problem ?? unknown);
    }
  }

  /** Finish the step, save, end. */
  stop(): void {
    this.#events.expectMore(false);
    this.#stopping ??= this.#try(this.#plan.stop);
  }

  /** End now. */
  abort(): void {
    this.#problem = 'stopped at once, as asked';
    this.#endFollowing();
  }

  async scale(wanted: number): Promise<void> {
    const current = this.#workers;
    this.#workers = wanted;
    this.#events.note(`scaling from ${current} to ${wanted}`);
    await this.#try(this.#plan.scale({ current, wanted }));
    // Followers know those who were there when they began.
    this.#workerFollower?.signal('SIGTERM');
  }

  /** Reads a command's lines until the run has ended; a follower that ends early is started again where it stopped. */
  async #follow(command: Command, read: (line: string) => NamedLine, onLine: (line: NamedLine) => void): Promise<void> {
    const once = new ReadOnce();
    while (!this.#isOver && this.#events.ending === null) {
      once.begin();
      const follower = new LaunchedProcess(command, (kind, text) => {
        if (kind === 'err') return;
        const line = read(text);
        if (once.isNew(line)) onLine(this.#logged(line));
        if (this.#events.ending !== null) follower.signal('SIGTERM');
      });
      if (command === this.#plan.workerOutput) this.#workerFollower = follower;
      this.#followers.add(follower);
      await follower.ended;
      this.#followers.delete(follower);
      if (this.#isOver || this.#events.ending !== null) return;
      if (await this.#hasEnded()) return;
      await sleep(FOLLOW_AGAIN_MS);
    }
  }

  /** A run that waits for a worker that does not come would wait for ever. What is seen twice is no worker that was just asked to leave. */
  async #watchStart(): Promise<void> {
    const isWaiting = (): boolean =>
      !this.#isOver && this.#stopping === null && !this.#events.hasTrained && this.#events.ending === null;
    let seen: string | undefined;
    while (isWaiting()) {
      await sleep(LOOK_AT_START_MS, undefined, { ref: false });
      if (!isWaiting()) return;
      const { givenUp } = this.#plan.diagnose((await run(this.#plan.health)).output);
      const isSeenAgain = givenUp !== undefined && givenUp === seen;
      seen = givenUp;
      if (!isSeenAgain || !isWaiting()) continue;
      this.#events.fail(`training cannot begin: ${givenUp}. What everybody said is in ${this.#logFolder}`);
      this.stop();
      return;
    }
  }

  #logged(said: NamedLine): NamedLine {
    // What compose says of itself has no name.
    if (/^\w[\w.-]*$/.test(said.name)) this.#logs?.write(said.name, said.line);
    return said;
  }

  async #endSoon(): Promise<void> {
    if (this.#isOver || this.#events.ending !== null) return;
    await sleep(2 * FOLLOW_AGAIN_MS);
    this.#endFollowing();
  }

  #endFollowing(): void {
    this.#isOver = true;
    for (const follower of this.#followers) follower.signal('SIGTERM');
  }

  async #hasEnded(): Promise<boolean> {
    const { isOver, problem } = this.#plan.diagnose((await run(this.#plan.health)).output);
    // What ends the launch is its error.
    if (!isOver && problem !== null && problem !== this.#problem) this.#events.note(problem);
    this.#problem = problem;
    return isOver;
  }

  async #remove(): Promise<void> {
    await this.#try(this.#plan.remove);
    this.#guard?.release();
  }

  /** All of them, also after one that fails: what fails is told. */
  async #try(commands: readonly Command[]): Promise<void> {
    for (const command of commands) {
      const { code, lastWords } = await run(command);
      if (code !== 0) this.#events.note(`${printCommand(command)} ended with ${code ?? 'no code'}: ${lastWords}`);
    }
  }
}
