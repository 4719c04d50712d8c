import { Cluster, type Plan } from './cluster.js';
import { InvariantError, type Monitor } from './invariants.js';
import type { World } from './world.js';

/** Virtual time in which a run ends when nothing is done to it any more: above all allowances of the coordinator together. */
const RECOVERY_MS_MAX = 400_000;
/** Virtual time in which every process ends behind the run: workers wait ten minutes for a coordinator. */
const LEAVE_MS_MAX = 700_000;
const HEAL_EVERY_MS = 5_000;
/** An event loop that does not end: far above what any seed needs. */
const EVENTS_MAX = 2_000_000;

/** What is done to a cluster. */
export interface Script {
  /** From then on nothing is. */
  readonly endMs: number;
  /** The cluster has started. */
  begin(cluster: Cluster): void;
}

export interface PlayReport {
  /** Null: all was as it must be. */
  readonly problem: string | null;
  readonly digest: string;
  readonly trace: readonly string[];
  readonly virtualMs: number;
  readonly events: number;
  readonly summary: Monitor['summary'];
}

/** Runs a whole cluster, with all that is done to it, until its run is complete and every process has ended. */
export function play(world: World, plan: Plan, script: Script): PlayReport {
  const { clock, trace, monitor } = world;
  const { endMs } = script;
  let events = 0;
  let problem: string | null = null;
  const runUntil = (isOver: () => boolean, deadlineMs: number, what: string): void => {
    while (!isOver()) {
      if (clock.nowMs > deadlineMs || events++ > EVENTS_MAX) monitor.fail(what);
      if (!clock.step()) monitor.fail(`${what}: nothing happens any more`);
    }
  };
  try {
    const cluster = new Cluster(world, plan);
    script.begin(cluster);
    const heal = (): void => {
      if (cluster.result !== null) return;
      if (clock.nowMs >= endMs) cluster.heal();
      clock.after(HEAL_EVERY_MS, heal);
    };
    heal();
    runUntil(() => cluster.result !== null, endMs + RECOVERY_MS_MAX, 'the run does not end');
    const leaveMs = Math.max(endMs, clock.nowMs) + LEAVE_MS_MAX;
    runUntil(() => cluster.alive.length === 0, leaveMs, 'a worker does not leave behind the run');
  } catch (error) {
    if (!(error instanceof InvariantError)) trace.add(`!! ${(error as Error).stack ?? String(error)}`);
    problem = (error as Error).message;
  }
  const { digest, lines } = trace;
  return { problem, digest, trace: lines, virtualMs: clock.nowMs, events, summary: monitor.summary };
}
