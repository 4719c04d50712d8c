import { HEARTBEATS_PER_LEASE, STRIKES_MAX } from './constants.js';
import { becomeFailed } from './failure.js';
import type { Draft, LossRange, Strikes } from './state.js';
import { committedUpdate, patch } from './state.js';

/** Notes that the present generation loses a member, and in which updates that may have been. */
export function noteLoss(draft: Draft): void {
  const { startUpdate, trainingSinceMs, lastTickMs, settings, lostIn } = draft.state;
  if (lostIn !== null) return;
  const from = committedUpdate(draft.state);
  const heartbeatMs = settings.config.leaseMs / HEARTBEATS_PER_LEASE;
  const perMs = (from - startUpdate) / Math.max(lastTickMs - trainingSinceMs, heartbeatMs);
  // What a heartbeat tells is at most one of them old, or two where it was late.
  patch(draft, { lostIn: { from, to: from + Math.ceil(2 * heartbeatMs * perMs) } });
}

/**
 * A generation that lost somebody, and after which training goes on from where it had begun, counts against the updates in
 * which it may have been: false, and the run has ended, if that happened too often in a row in what may be the same one.
 */
export function countStrike(draft: Draft, nextStart: number): boolean {
  const { lostIn, startUpdate, strikes } = draft.state;
  const next = lostIn === null || nextStart !== startUpdate ? null : addStrike(strikes, lostIn);
  patch(draft, { strikes: next });
  if (next === null || next.count < STRIKES_MAX) return true;
  const { from, to } = next.range;
  const where = from === to ? `update ${from + 1} was begun` : `one of the updates ${from + 1} to ${to + 1} was begun`;
  const problem = `${where} ${next.count} times, and each time a worker was lost in it: something in this update ends its workers; see their files in the run's logs folder`;
  becomeFailed(draft, 'GANTRY_WORKER_LOST', problem, { update: from + 1 });
  return false;
}

/** One loss more; those before it are forgotten if no one update can explain them all. */
export function addStrike(before: Strikes | null, lostIn: LossRange): Strikes {
  const from = Math.max(before?.range.from ?? lostIn.from, lostIn.from);
  const to = Math.min(before?.range.to ?? lostIn.to, lostIn.to);
  if (before === null || from > to) return { count: 1, range: lostIn };
  return { count: before.count + 1, range: { from, to } };
}
