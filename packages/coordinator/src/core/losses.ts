import { LOSSES_KEPT } from './constants.js';
import { workedOn } from './failure.js';
import type { LossRecord } from './run-events.js';
import type { Draft, MemberState } from './state.js';
import { patch } from './state.js';

/** Writes a lost member down for whoever asks later. */
export function recordLoss(draft: Draft, member: MemberState, reason: string): void {
  const { generation, lastTickMs } = draft.state;
  const { worker, host, pid, device, phase, phaseSinceMs, lastSeenMs } = member;
  const since = (ms: number): number => Math.max(0, Math.round(lastTickMs - ms));
  const where = { worker, host, pid, device, generation, update: workedOn(member), phase };
  add(draft, { ...where, phaseMs: since(phaseSinceMs), silentMs: since(lastSeenMs), reason, atMs: lastTickMs });
}

/** The same of a local worker that never reported. */
export function recordUnborn(draft: Draft, worker: string, reason: string): void {
  const { generation, lastTickMs } = draft.state;
  const unknown = { host: '', pid: 0, device: '', update: 0, phase: 'starting', phaseMs: 0, silentMs: 0 };
  add(draft, { worker, ...unknown, generation, reason, atMs: lastTickMs });
}

function add(draft: Draft, record: LossRecord): void {
  const { losses, lossCount } = draft.state;
  patch(draft, { losses: [...losses, record].slice(-LOSSES_KEPT), lossCount: lossCount + 1 });
}
