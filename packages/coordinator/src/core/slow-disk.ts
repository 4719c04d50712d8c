import { STATES_IN_FLIGHT_MAX } from '@gantry/common';
import { PENDING_SAVES_MAX } from './constants.js';
import { type CoordinatorState, type Draft, findLeader, type MemberState, patch } from './state.js';

/** Whether another leader may send what it sends before it holds back. */
export function hasRoomForLeader({ saving }: CoordinatorState): boolean {
  return saving.writing.length <= PENDING_SAVES_MAX - STATES_IN_FLIGHT_MAX;
}

/** The leader, who waits until what it sent is compared and written: nothing is wrong with it. */
export function isHeldBack(state: CoordinatorState, member: MemberState): boolean {
  const { stage, saving, verification } = state;
  return stage === 'training' && isSaving(state, member) && saving.writing.length + verification.unsaved.length > 0;
}

/** Since when it is in its phase, without the time for which the disk held it back. */
export function ownSinceMs(state: CoordinatorState, member: MemberState): number {
  return isSaving(state, member) ? Math.max(member.phaseSinceMs, state.saving.writtenMs) : member.phaseSinceMs;
}

function isSaving(state: CoordinatorState, { worker, phase }: MemberState): boolean {
  return phase === 'saving' && findLeader(state)?.worker === worker;
}

/** Once in a generation, if it is the disk. */
export function tellDiskAwaited(draft: Draft): void {
  const { toldWaiting, saving } = draft.state;
  if (toldWaiting === 'disk' || saving.writing.length === 0) return;
  patch(draft, { toldWaiting: 'disk' });
  const message = `training waits for the disk: ${saving.writing.length} checkpoints are still being written`;
  draft.effects.push({ type: 'log', message });
}
