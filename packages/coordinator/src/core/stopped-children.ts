/** Local processes that the kernel shows as stopped (SIGSTOP, a debugger), and since when this has been seen without a gap. */
export interface StoppedChildren {
  readonly sinceMs: ReadonlyMap<string, number>;
  readonly seenMs: number;
}

export const NONE_STOPPED: StoppedChildren = { sinceMs: new Map(), seenMs: 0 };

export interface StoppedLook {
  readonly nowMs: number;
  readonly stopped: readonly string[];
  /** A stop that is longer than this is no hiccup. */
  readonly leaseMs: number;
}

/**
 * One more look at the children. After a gap of half a lease this process was itself stopped, as Ctrl-Z stops a whole
 * group, and what was stopped with it gets its time to go on.
 *
 * @returns what to remember, and the children that have been stopped for longer than the lease
 */
export function lookAtStopped(
  before: StoppedChildren,
  { nowMs, stopped, leaseMs }: StoppedLook,
): { readonly after: StoppedChildren; readonly overdue: readonly string[] } {
  const hasGap = nowMs - before.seenMs > leaseMs / 2;
  const known = hasGap ? new Map<string, number>() : before.sinceMs;
  const sinceMs = new Map(stopped.map((worker) => [worker, known.get(worker) ?? nowMs]));
  const overdue = stopped.filter((worker) => nowMs - sinceMs.get(worker)! > leaseMs);
  return { after: { sinceMs, seenMs: nowMs }, overdue };
}
