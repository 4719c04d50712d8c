import type { ErrorCode } from '@gantry/common';
import { REFUSALS_TOLD } from './constants.js';
import { nameOf } from './failure.js';
import type { Draft, MemberState } from './state.js';
import { patch, send } from './state.js';

/** Why a worker cannot take part. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The first few are told, so that a stranger who tries again and again does not fill the log. */
export function tellRefusal(draft: Draft, message: string): void {
  const refused = draft.state.refused + 1;
  patch(draft, { refused });
  if (refused > REFUSALS_TOLD) return;
  const last = refused === REFUSALS_TOLD ? '; further refusals are not told' : '';
  draft.effects.push({ type: 'log', message: `${message}${last}` });
}

/** Somebody who was welcome takes part no more, and is told why; the others go on. */
export function refuseMember(draft: Draft, member: MemberState, refusal: Refusal): void {
  send(draft, member, { kind: 'refused', ...refusal });
  tellRefusal(draft, `refused ${nameOf(member)}: ${refusal.message}`);
  const { members, suspicion } = draft.state;
  patch(draft, {
    members: members.filter(({ worker }) => worker !== member.worker),
    suspicion: suspicion?.worker === member.worker ? null : suspicion,
  });
}
