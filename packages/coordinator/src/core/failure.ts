import type { ErrorCode, ErrorDetails } from '@gantry/common';
import type { Draft, MemberState } from './state.js';
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
  patch(draft, { stage: 'failed', failure: error });
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
