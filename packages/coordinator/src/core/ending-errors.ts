import type { ErrorCode } from '@gantry/common';
import { isInputError } from './failure.js';
import { formerAwaited } from './generation.js';
import type { CoordinatorState, MemberState } from './state.js';
import { isHeldByOthers } from './state.js';

/** What another worker would come upon as well, whenever one does. */
const ENDING_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GANTRY_NON_FINITE',
  'GANTRY_PROGRAM_MISMATCH',
  'GANTRY_VERSION_MISMATCH',
  'GANTRY_CHECKPOINT_INVALID',
]);

/** Whether the run ends with what a member reports. Anything else ends the member alone, and it is replaced. */
export function endsRun(state: CoordinatorState, member: MemberState, code: ErrorCode, nowMs: number): boolean {
  return ENDING_ERRORS.has(code) || (isInputError(code) && !state.hasTrained && isEverybodys(state, member, nowMs));
}

/**
 * A run is resumed with what cannot be meant: it is said at once, and not tried again and again. Not where somebody holds the
 * state, or may come back with it: then it is what one worker lacks.
 */
function isEverybodys(state: CoordinatorState, member: MemberState, nowMs: number): boolean {
  if (isHeldByOthers(state, member) || formerAwaited(state, nowMs).length > 0) return false;
  // What one of the coordinator's own does not find, none of them does; by hand everybody may have another machine.
  return member.local || !state.members.some(({ worker, hub }) => worker !== member.worker && !hub);
}
