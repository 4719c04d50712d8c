import type { NamedLine } from './named-line.js';

/** One command as it is run: no shell takes it apart. */
export interface Command {
  readonly argv: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Files whose contents go to its standard input, and a text behind them: for what no command line may hold. */
  readonly stdin?: { readonly files: readonly string[]; readonly end?: string };
}

/** A file that is written before anything starts. */
export interface PlannedFile {
  readonly path: string;
  readonly text: string;
  /** @default 0o644 */
  readonly mode?: number;
}

/** A process that the launcher itself starts, watches, and ends. */
export interface PlannedProcess {
  /** Names its lines: a worker's name, or `coordinator`. */
  readonly name: string;
  /** Where it runs, for people; `this machine` for its own. */
  readonly place: string;
  readonly command: Command;
}

/**
 * The launcher is the parent of everything (`local`, `ssh`). Nothing of it outlives the launcher: its end closes the standard
 * input of each process, which ends by that.
 */
export interface AttachedPlan {
  readonly kind: 'attached';
  readonly files: readonly PlannedFile[];
  /** Have to succeed before anything starts: each says what it looks for. */
  readonly checks: readonly Check[];
  readonly coordinator: PlannedProcess;
  /** The coordinator's argument that says where it listens: one that takes its place listens where it listened. */
  readonly bind: string;
  /** Every place that there is for a worker, in the order in which they are taken. */
  readonly places: readonly PlannedProcess[];
}

/** Something else runs the processes (`slurm`, `docker`, `kubernetes`): commands hand them over, look after them, and end them. */
export interface SubmittedPlan {
  readonly kind: 'submitted';
  readonly files: readonly PlannedFile[];
  /** Folders that have to be there, and belong to whom {@link LaunchContext.user} is. */
  readonly folders?: readonly string[];
  readonly checks: readonly Check[];
  /** One after the other; the first that fails ends the launch, and then `stop` is run. */
  readonly start: readonly Command[];
  /**
   * Whoever runs it starts it again where it had to give way: a run that ends before its last step, without having been asked
   * to, is not over. @default false
   */
  readonly isStartedAgain?: boolean;
  /** What the coordinator has printed and prints, from the beginning. */
  readonly coordinatorOutput: Command;
  /** The workers' output as it comes, each line with its worker's name in front. */
  readonly workerOutput: Command;
  /** Whoever runs it writes what everybody says to the launch's logs/ itself. @default false: the launcher does, as it reads it */
  readonly writesLogs?: boolean;
  /** All that everybody has said so far, each line with its name in front. */
  readonly logs: Command;
  /** Takes a line of these three apart. @default namedLine; the coordinator's is taken as it is */
  readonly readLine?: (line: string) => NamedLine;
  /** For people: what there is of it. */
  readonly status: Command;
  /** What `gantry status --json` says of the run, where its directory is not this machine's. */
  readonly runStatus?: Command;
  /** Looked at whenever the coordinator's output ends, or has not begun, and until training has. */
  readonly health: Command;
  /** What the output of `health` means for the run. */
  diagnose(output: string): Health;
  /** Asks the coordinator to finish its step and save. Only then `remove` is run. */
  readonly stop: readonly Command[];
  /** Leaves nothing running, and nothing behind but the run. */
  readonly remove: readonly Command[];
  /** More or fewer workers, from `current` to `wanted`, while it trains. */
  scale(workers: { readonly current: number; readonly wanted: number }): readonly Command[];
  /** The most workers it can be scaled to. */
  readonly workersMax: number;
}

/** How what was handed over stands. */
export interface Health {
  /** There will be no more output: it has ended, or can never start. */
  readonly isOver: boolean;
  /** Why it does not run; null: nothing is wrong. */
  readonly problem: string | null;
  /** A worker that failed, and is not started again: what became of it. @default none */
  readonly givenUp?: string | undefined;
}

/** A command that must succeed, and what to say if it does not. */
export interface Check {
  readonly what: string;
  readonly command: Command;
  /** Its output must contain it; undefined: its exit code alone counts. */
  readonly expects?: string;
  /** It must print nothing. */
  readonly expectsNothing?: boolean;
  readonly remedy: string;
  /** Remedies of exit codes that say more than that it failed. */
  readonly remedies?: Readonly<Record<number, string>>;
  /** `what` of a check before it in the list: where that one fails this one is not made, for it would find the same once more. */
  readonly after?: string;
}

export type LaunchPlan = AttachedPlan | SubmittedPlan;

/** What a plan depends on beside the cluster file. */
export interface LaunchContext {
  /** Program and first arguments of this Gantry. */
  readonly gantry: readonly string[];
  readonly version: string;
  /** Folder for the launch's own files, beside the run directory. */
  readonly folder: string;
  /** Address of this machine towards the first host; for `ssh`. */
  readonly ownAddress: string;
  /** Names of worker keys in the key folder, sorted. */
  readonly workerKeys: readonly string[];
  /** `docker compose`, or `docker-compose` where the plug-in is missing. */
  readonly compose: readonly string[];
  /** Numeric user and group that containers run as, so that the run directory is this user's. */
  readonly user: { readonly uid: number; readonly gid: number };
}

/** The most workers that a launch can ever have. */
export function workersMaxOf(plan: LaunchPlan): number {
  return plan.kind === 'attached' ? plan.places.length : plan.workersMax;
}
