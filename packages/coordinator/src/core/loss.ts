import { becomeFailed, nameOf, unborn, whereabouts, workedOn } from './failure.js';
import { removeMember } from './regroup.js';
import type { Draft, MemberState, Suspicion } from './state.js';
import { patch } from './state.js';

function announceLoss(draft: Draft, member: MemberState, reason: string): void {
  const { worker, host, phase } = member;
  draft.effects.push({
    type: 'emit',
    event: { event: 'worker-lost', worker, host, update: workedOn(member), phase, reason },
  });
}

/** A member is gone. Before training has begun for the first time, the run cannot begin without a worker of its own. */
export function loseMember(draft: Draft, member: MemberState, reason: string): void {
  const { stage, hasTrained } = draft.state;
  if (stage === 'failed' || stage === 'ending') return;
  announceLoss(draft, member, reason);
  if (!hasTrained && member.local) {
    const problem = `lost ${nameOf(member)}: ${reason}; last heard of at update ${workedOn(member)}, phase ${member.phase}`;
    becomeFailed(draft, 'GANTRY_WORKER_LOST', problem, { ...whereabouts(member), reason });
    return;
  }
  removeMember(draft, member, reason);
}

/** A member lives and does not move: it is replaced. */
export function blameStalled(draft: Draft, member: MemberState, stalledMs: number): void {
  const seconds = (stalledMs / 1000).toFixed(1);
  const where = `phase ${member.phase} of update ${workedOn(member)}`;
  if (draft.state.hasTrained || !member.local) {
    loseMember(draft, member, `alive but stalled: no progress for ${seconds} s in ${where}`);
    return;
  }
  const reason = `no progress for ${seconds} s`;
  announceLoss(draft, member, reason);
  const problem = `${nameOf(member)} is alive but stalled: ${reason} in ${where}`;
  becomeFailed(draft, 'GANTRY_WORKER_STALLED', problem, { ...whereabouts(member), stalledMs: Math.round(stalledMs) });
}

/** Holds a fault back until it is clear that nothing else explains it. A loss explains a report; otherwise the first one stays. */
export function suspect(draft: Draft, suspicion: Suspicion): void {
  const before = draft.state.suspicion;
  if (before === null) {
    patch(draft, { suspicion });
    return;
  }
  const explains = suspicion.lost && (!before.lost || before.worker === suspicion.worker);
  if (explains) patch(draft, { suspicion: { ...suspicion, sinceMs: before.sinceMs } });
}

/** Nothing better came: the suspicion is the cause. */
export function confirmSuspicion(draft: Draft, suspicion: Suspicion): void {
  const member = draft.state.members.find(({ worker }) => worker === suspicion.worker);
  if (member !== undefined && (suspicion.lost || draft.state.hasTrained)) {
    patch(draft, { suspicion: null });
    loseMember(draft, member, suspicion.message);
    return;
  }
  becomeFailed(
    draft,
    suspicion.code,
    suspicion.message,
    member === undefined ? unborn(suspicion.worker) : whereabouts(member),
  );
}
