import { OUTVOTED_MAX } from './constants.js';
import type { CoordinatorState, Draft, MemberState, VerificationState } from './state.js';
import { patch } from './state.js';

type Held = Pick<MemberState, 'heldGeneration' | 'heldUpdate'>;
const NOTHING: Held = { heldGeneration: 0, heldUpdate: 0 };

export function patchVerification(draft: Draft, change: Partial<VerificationState>): void {
  patch(draft, { verification: { ...draft.state.verification, ...change } });
}

/** The generation ends: what was to be compared is not, and what waited for that is not saved. */
export function leaveUnverified(draft: Draft): void {
  const updates = draft.state.verification.unsaved.map(({ update }) => update);
  patchVerification(draft, { told: new Map(), unsaved: [] });
  if (updates.length > 0) draft.effects.push({ type: 'dropStates', updates });
}

/** Whatever is held is worth nothing, also in the hands of those who come back with it later. */
export function distrustHeld(draft: Draft): void {
  const { members, generation } = draft.state;
  patchVerification(draft, { distrusted: generation });
  patch(draft, { members: members.map((member) => ({ ...member, ...NOTHING })) });
}

/** What a member says that it holds, as far as it can be believed. */
export function trusted({ verification }: CoordinatorState, { heldGeneration, heldUpdate }: Held): Held {
  return heldGeneration > verification.distrusted ? { heldGeneration, heldUpdate } : NOTHING;
}

interface Place {
  readonly host: string;
  readonly worker: string;
}

/** Of the replica that a worker has or would have: shared memory is the whole host's. */
function keyOf({ settings }: CoordinatorState, { host, worker }: Place): string {
  return settings.config.transport === 'shm' ? host : `${host}/${worker}`;
}

/** Counts once more that a member's state was not that of most others. */
export function countOutvoted(draft: Draft, member: Place): void {
  const { outvoted } = draft.state.verification;
  const key = keyOf(draft.state, member);
  patchVerification(draft, { outvoted: new Map(outvoted).set(key, (outvoted.get(key) ?? 0) + 1) });
}

/** Whether a worker may not take part because its memory cannot be relied on. */
export function isRemoved(state: CoordinatorState, place: Place): boolean {
  return (state.verification.outvoted.get(keyOf(state, place)) ?? 0) >= OUTVOTED_MAX;
}
