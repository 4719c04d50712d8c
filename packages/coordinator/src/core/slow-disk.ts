import { STATES_IN_FLIGHT_MAX } from '@gantry/common';
import { PENDING_SAVES_MAX } from './constants.js';
import { type CoordinatorState, type Draft, type MemberState, patch } from './state.js';

/** Whether another leader may send what it sends before it holds back. */
export function hasRoomForLeader({ saving }: CoordinatorState): boolean {
  return saving.writing.length <= PENDING_SAVES_MAX - STATES_IN_FLIGHT_MAX;
}

/** The leader that does not train on before the disk has what it sent: nothing is wrong with it. */
export function isHeldBack({ saving, stage }: CoordinatorState, { phase }: MemberState): boolean {
  return stage === 'training' && phase === 'saving' && saving.writing.length >= STATES_IN_FLIGHT_MAX;
}

/** Once in a generation. */
export function tellDiskAwaited(draft: Draft): void {
  const { toldWaiting, saving } = draft.state;
  if (toldWaiting === 'disk') return;
  patch(draft, { toldWaiting: 'disk' });
  const message = `training waits for the disk: ${saving.writing.length} checkpoints are still being written`;
  draft.effects.push({ type: 'log', message });
}
