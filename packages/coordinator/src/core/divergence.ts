import type { ErrorDetails } from '@gantry/common';
import { OUTVOTED_MAX, UNDECIDED_MAX } from './constants.js';
import { setProcess } from './dismiss.js';
import { becomeFailed, nameOf, whereabouts } from './failure.js';
import { journalRecord } from './journal.js';
import { recordLoss } from './losses.js';
import { becomePausing, expectSomebody } from './regroup.js';
import type { Draft, MemberState } from './state.js';
import { patch, send } from './state.js';
import { countOutvoted, distrustHeld, isRemoved, patchVerification } from './trust.js';

/** Replicas of which not all can be right. */
export interface Divergence {
  /** Those that most of the others disagree with; all where there is no majority. */
  readonly suspects: readonly MemberState[];
  /** How many there are in all. */
  readonly replicas: number;
}

/**
 * Replicas hold different states after `update`. Whatever the wrong one has computed since its fault went into the sums, so that no
 * replica is sound, however many agree: everybody goes back to the last checkpoint, which was verified before it was
 * written, or to the beginning.
 */
export function becomeDiverged(draft: Draft, update: number, { suspects, replicas }: Divergence): void {
  const isDecided = suspects.length < replicas;
  distrustHeld(draft);
  if (isDecided) for (const member of suspects) countOutvoted(draft, member);
  const removed = suspects.filter((member) => isRemoved(draft.state, member));
  tell(draft, update, suspects, { isDecided, removed });
  if (!isDecided && !countUndecided(draft, update, suspects)) return;
  for (const member of draft.state.members) if (isRemoved(draft.state, member)) remove(draft, member, update);
  if (draft.state.stage === 'failed') return;
  // Nobody is told to leave the state before it is written down that nobody may be believed to hold it.
  draft.effects.push({ type: 'journal', record: journalRecord(draft.state), first: true });
  becomePausing(draft);
}

/** Nobody can be blamed: false, and the run has ended, if going back has not helped. */
function countUndecided(draft: Draft, update: number, suspects: readonly MemberState[]): boolean {
  const { verification, saving } = draft.state;
  const from = saving.last?.update ?? 0;
  const count = verification.undecided.from === from ? verification.undecided.count + 1 : 1;
  patchVerification(draft, { undecided: { from, count } });
  if (count < UNDECIDED_MAX) return true;
  const names = suspects.map(nameOf).join(' and ');
  const problem = `the states of ${names} differ after update ${update}, and did ${count} times since update ${from}: the memory of one of them cannot be relied on${suspects.length === 2 ? '; with three replicas it could be told which' : ''}`;
  becomeFailed(draft, 'GANTRY_REPLICA_DIVERGED', problem, { update });
  return false;
}

function tell(
  draft: Draft,
  update: number,
  suspects: readonly MemberState[],
  { isDecided, removed }: { readonly isDecided: boolean; readonly removed: readonly MemberState[] },
): void {
  const { saving, verification } = draft.state;
  for (const member of suspects) {
    const { worker, host } = member;
    const told = { worker, host, update, verifiedUpdate: verification.update, backTo: saving.last?.update ?? 0 };
    const event = {
      event: 'replica-diverged',
      ...told,
      outvoted: isDecided,
      removed: removed.includes(member),
    } as const;
    draft.effects.push({ type: 'emit', event });
  }
}

/** It takes part no more, under this name and on this host. */
function remove(draft: Draft, member: MemberState, update: number): void {
  const { worker, local } = member;
  const reason = `its state differed from that of the others ${OUTVOTED_MAX} times, last after update ${update}: its memory cannot be relied on`;
  send(draft, member, { kind: 'refused', code: 'GANTRY_REPLICA_DIVERGED', message: reason });
  recordLoss(draft, member, `removed: ${reason}`);
  const { members, suspicion } = draft.state;
  patch(draft, {
    members: members.filter((one) => one.worker !== worker),
    suspicion: suspicion?.worker === worker ? null : suspicion,
  });
  if (!local) return;
  const attempt = (draft.state.processes.get(worker)?.attempt ?? 0) + 1;
  draft.effects.push({ type: 'killWorker', worker });
  setProcess(draft, worker, { attempt, over: true, startedMs: null });
  const details: ErrorDetails = { ...whereabouts(member), reason };
  const problem = `${nameOf(member)} was removed: ${reason}`;
  // Nobody goes on without a hub.
  if (member.hub) becomeFailed(draft, 'GANTRY_REPLICA_DIVERGED', problem, details);
  else expectSomebody(draft, { code: 'GANTRY_REPLICA_DIVERGED', reason, problem, details });
}
