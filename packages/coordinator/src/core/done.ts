import type { Done } from '@gantry/common';
import { becomeDiverged } from './divergence.js';
import { becomeFailed, nameOf, whereabouts } from './failure.js';
import { compares } from './replicas.js';
import type { Draft, MemberState } from './state.js';
import { activeMembers, patch, patchMember } from './state.js';
import { maybeEnd } from './stopping.js';

/** A member has committed its last update and sent its last message. */
export function onDone(draft: Draft, member: MemberState, done: Done, nowMs: number): void {
  if (member.status !== 'training') return;
  const { atUpdate, stateSha256 } = done;
  patchMember(draft, member.worker, { status: 'done', doneUpdate: atUpdate, update: atUpdate, stateSha256 });
  const active = activeMembers(draft.state);
  const others = active.filter(({ status }) => status === 'done');
  // As long as a replica has not told its hash, it is not known who differs; the leader's Done comes after that.
  const isDecided = !compares(draft.state) || draft.state.verification.update >= atUpdate;
  const different = others.find(
    (one) => one.doneUpdate !== atUpdate || (isDecided && differs(one.stateSha256, stateSha256)),
  );
  if (different !== undefined && different.doneUpdate === atUpdate && compares(draft.state)) {
    // A bit has changed behind the last comparison. Whose it is nobody can say any more.
    becomeDiverged(draft, atUpdate, { suspects: [different, member], replicas: 2 });
    return;
  }
  if (different !== undefined) {
    const problem = `${nameOf(member)} ended at update ${atUpdate} with state ${stateSha256.slice(0, 12)}, ${nameOf(different)} at update ${different.doneUpdate} with ${different.stateSha256.slice(0, 12)}`;
    becomeFailed(draft, 'GANTRY_INTERNAL', problem, whereabouts(member));
    return;
  }
  if (others.length === active.length) patch(draft, { allDoneMs: nowMs });
  maybeEnd(draft);
}

/** A hub, or a worker that shares another's memory, may leave its hash out. */
function differs(a: string, b: string): boolean {
  return a !== '' && b !== '' && a !== b;
}
