import { HEARTBEATS_PER_LEASE, STRIKES_MAX } from './constants.js';
import { becomeFailed } from './failure.js';
import type { Draft, LossRange, MemberState, Strikes } from './state.js';
import { committedUpdate, patch } from './state.js';

/** Where a generation begins, and who has its state. */
interface Start {
  readonly update: number;
  readonly holders: ReadonlySet<string>;
}

/** Notes that the present generation loses a member, and in which updates that may have been. */
export function noteLoss(draft: Draft, { worker }: MemberState): void {
  const { startUpdate, trainingSinceMs, lastTickMs, settings, lostIn } = draft.state;
  const from = committedUpdate(draft.state);
  const heartbeatMs = settings.config.leaseMs / HEARTBEATS_PER_LEASE;
  const perMs = (from - startUpdate) / Math.max(lastTickMs - trainingSinceMs, heartbeatMs);
  // What a heartbeat tells is at most one of them old, or two where it was late.
  const to = from + Math.ceil(2 * heartbeatMs * perMs);
  patch(draft, { lostIn: new Map([...lostIn, [worker, { from, to }]]) });
}

/**
 * The losses of the generation that has ended count against the updates in which they may have been: false, and the run has
 * ended, if one worker was lost too often in a row in what may be the same update. Who survives has not done that update, and
 * begins it again; or, where nobody has, all go back to a checkpoint before it.
 */
export function countStrikes(draft: Draft, start: Start): boolean {
  const { lostIn, strikes } = draft.state;
  const next = new Map([...strikes].filter(([, { range }]) => start.update <= range.to));
  for (const [worker, range] of lostIn) {
    next.set(worker, addStrike(strikes.get(worker) ?? null, start.holders.size > 0 ? besideSurvivors(start) : range));
  }
  patch(draft, { strikes: next });
  const most = [...next].find(([, { count }]) => count >= STRIKES_MAX);
  if (most === undefined) return true;
  const [worker, { count, range }] = most;
  const { from, to } = range;
  const where = from === to ? `update ${from + 1} was begun` : `one of the updates ${from + 1} to ${to + 1} was begun`;
  const problem = `${where} ${count} times, and each time ${worker} was lost in it: something in this update ends its workers; see their files in the run's logs folder`;
  becomeFailed(draft, 'GANTRY_WORKER_LOST', problem, { worker, update: from + 1 });
  return false;
}

/** Members are at most one update apart. */
function besideSurvivors({ update }: Start): LossRange {
  return { from: Math.max(0, update - 1), to: update + 1 };
}

/** One loss more; those before it are forgotten if no one update can explain them all. */
export function addStrike(before: Strikes | null, lostIn: LossRange): Strikes {
  const from = Math.max(before?.range.from ?? lostIn.from, lostIn.from);
  const to = Math.min(before?.range.to ?? lostIn.to, lostIn.to);
  if (before === null || from > to) return { count: 1, range: lostIn };
  return { count: before.count + 1, range: { from, to } };
}
