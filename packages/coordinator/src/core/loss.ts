import type { ErrorCode, Ready } from '@gantry/common';
import type { CoordinatorEvent } from './events.js';
import { becomeFailed, nameOf, unborn, whereabouts, workedOn } from './failure.js';
import { recordLoss } from './losses.js';
import { forgetMember, type Loss, removeMember } from './regroup.js';
import type { Draft, MemberState, Suspicion } from './state.js';
import { isHeldByOthers, mayHaveTrained, memberByPeer, patch, send } from './state.js';

function announceLoss(draft: Draft, member: MemberState, reason: string): void {
  const { worker, host, phase } = member;
  recordLoss(draft, member, reason);
  draft.effects.push({
    type: 'emit',
    event: { event: 'worker-lost', worker, host, update: workedOn(member), phase, reason },
  });
}

/** A member is gone. */
export function loseMember(draft: Draft, member: MemberState, reason: string): void {
  const problem = `lost ${nameOf(member)}: ${reason}; last heard of at update ${workedOn(member)}, phase ${member.phase}`;
  lose(draft, member, { code: 'GANTRY_WORKER_LOST', reason, problem, details: { ...whereabouts(member), reason } });
}

/** It is a member no more; its process goes on, and may join anew. */
export function releaseMember(draft: Draft, member: MemberState, reason: string): void {
  announceLoss(draft, member, reason);
  forgetMember(draft, member);
}

/** A member lives and does not move: it is replaced. */
export function blameStalled(draft: Draft, member: MemberState, stalledMs: number): void {
  const reason = `no progress for ${(stalledMs / 1000).toFixed(1)} s`;
  const problem = `${nameOf(member)} is alive but stalled: ${reason} in phase ${member.phase} of update ${workedOn(member)}`;
  const details = { ...whereabouts(member), stalledMs: Math.round(stalledMs) };
  lose(draft, member, { code: 'GANTRY_WORKER_STALLED', reason, problem, details });
}

/** A run that is begun cannot begin without a worker of its own; later the others go on. */
function lose(draft: Draft, member: MemberState, loss: Loss): void {
  const { stage } = draft.state;
  if (stage === 'failed' || stage === 'ending') return;
  announceLoss(draft, member, loss.reason);
  if (mayHaveTrained(draft.state) || !member.local) removeMember(draft, member, loss);
  else becomeFailed(draft, loss.code, loss.problem, loss.details);
}

/** Holds a fault back until it is clear that nothing else explains it. A loss explains a report; otherwise the first one stays. */
export function suspect(draft: Draft, suspicion: Suspicion): void {
  const before = draft.state.suspicion;
  if (before === null) {
    patch(draft, { suspicion });
    return;
  }
  // Two losses at a time: the first has waited long enough.
  if (before.lost && suspicion.lost && before.worker !== suspicion.worker && mayHaveTrained(draft.state)) {
    confirmSuspicion(draft, before);
    patch(draft, { suspicion });
    return;
  }
  const explains = suspicion.lost && (!before.lost || before.worker === suspicion.worker);
  if (explains) patch(draft, { suspicion: { ...suspicion, sinceMs: before.sinceMs } });
}

/** Nothing better came: the suspicion is the cause. */
export function confirmSuspicion(draft: Draft, suspicion: Suspicion): void {
  const member = draft.state.members.find(({ worker }) => worker === suspicion.worker);
  if (member !== undefined && (suspicion.lost || mayHaveTrained(draft.state))) {
    patch(draft, { suspicion: null });
    loseMember(draft, member, suspicion.message);
    return;
  }
  // Whom it was about has gone meanwhile.
  if (mayHaveTrained(draft.state)) {
    patch(draft, { suspicion: null });
    return;
  }
  becomeFailed(
    draft,
    suspicion.code,
    suspicion.message,
    member === undefined ? unborn(suspicion.worker) : whereabouts(member),
  );
}

/** What a child of ours sends is our own: a bug, which ends the run. Anybody else is told, and the others go on. */
export function onNonsense(draft: Draft, event: Extract<CoordinatorEvent, { type: 'nonsense' }>): void {
  const { peer, code, message } = event;
  const member = memberByPeer(draft.state, peer);
  if (member === undefined) return;
  if (member.local) {
    becomeFailed(draft, code, `${member.worker}: ${message}`, { worker: member.worker });
    return;
  }
  expelMember(draft, member, code, message);
}

/**
 * Somebody new compiled other programs than the run trains with: it is told so, and the others go on. Returns whether that is so.
 * Where nobody has anything to lose, who resumes the run with another model is told instead, and it ends.
 */
export function refusesProgram(draft: Draft, member: MemberState, { programHash }: Ready): boolean {
  const { hasTrained, expectedProgram } = draft.state;
  if (!hasTrained && !isHeldByOthers(draft.state, member)) return false;
  if (programHash === '' || expectedProgram === '' || programHash === expectedProgram) return false;
  const message =
    `other programs were compiled (${programHash.slice(0, 12)}) than the run trains with (${expectedProgram.slice(0, 12)}): ` +
    'the same model file, versions and kind of device are needed everywhere';
  expelMember(draft, member, 'GANTRY_PROGRAM_MISMATCH', message);
  return true;
}

/** A member that has taken part, or was about to, cannot: it is told why, and the others go on without it. */
export function expelMember(draft: Draft, member: MemberState, code: ErrorCode, message: string): void {
  send(draft, member, { kind: 'refused', code, message });
  const problem = `${nameOf(member)} was refused: ${message}`;
  lose(draft, member, { code, reason: message, problem, details: whereabouts(member) });
}
