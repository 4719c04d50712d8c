import type { ErrorCode, ErrorDetails } from '@gantry/common';
import { removeMember } from './regroup.js';
import type { Draft, MemberState, Suspicion } from './state.js';
import { patch, send } from './state.js';

/** Something that a person gave is not as it must be: the message is theirs, whichever worker came upon it. */
const INPUT_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GANTRY_CONFIG_INVALID',
  'GANTRY_MODEL_INVALID',
  'GANTRY_MODEL_NOT_FOUND',
  'GANTRY_DATASET_INVALID',
  'GANTRY_DATASET_NOT_FOUND',
  'GANTRY_ENGINE_MISSING',
  'GANTRY_ENGINE_UNSUPPORTED',
  'GANTRY_DEVICE_UNAVAILABLE',
]);

export function isInputError(code: ErrorCode): boolean {
  return INPUT_ERRORS.has(code);
}

/** What a person can do now: the last sentence of every message that ends a run. */
function remedy(draft: Draft): string {
  const { saving, settings, stage } = draft.state;
  if (saving.last === null) return stage === 'training' ? ' There is no checkpoint yet.' : '';
  return ` Last checkpoint: step ${saving.last.step} (${saving.last.path}). Go on with: ${settings.resumeCommand}`;
}

/** Ends the run: everyone leaves what is in flight; local workers are killed. The first cause counts, later ones are consequences. */
export function becomeFailed(draft: Draft, code: ErrorCode, problem: string, details: ErrorDetails = {}): void {
  const { stage, saving, settings } = draft.state;
  if (stage === 'failed' || stage === 'ending') return;
  const next = remedy(draft);
  const message = `${problem}${next === '' || /[.!?]$/.test(problem) ? '' : '.'}${next}`;
  const checkpoint: ErrorDetails =
    saving.last === null ? {} : { checkpoint: saving.last.path, resume: settings.resumeCommand };
  const error = { code, message, details: { ...details, ...checkpoint } };
  for (const member of draft.state.members)
    send(draft, member, { kind: 'abort', code, message: message.slice(0, 8000) });
  patch(draft, { stage: 'failed', failure: { code, message } });
  draft.effects.push({ type: 'emit', event: { event: 'error', ...error } });
  draft.effects.push({ type: 'end', outcome: { error } });
}

/** Names a member so that it can be found: worker, host, device. */
export function nameOf(member: MemberState): string {
  const device = member.device === '' ? '' : `, device ${member.device}`;
  return `${member.worker} (host ${member.host}${device})`;
}

/** Where a member was last seen. */
export function whereabouts(member: MemberState): ErrorDetails {
  const { worker, host, device, phase, pid } = member;
  return { worker, host, device, pid, phase, update: workedOn(member) };
}

/** The same of a local worker that never reported. */
export function unborn(worker: string): ErrorDetails {
  return { worker, phase: 'starting', update: 0 };
}

/** The update that a member was working on, counted from 1. */
export function workedOn(member: MemberState): number {
  return Math.max(member.workingUpdate, member.update);
}

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
