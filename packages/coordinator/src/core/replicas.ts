import { replicaOf } from './assignment.js';
import type { CoordinatorState, MemberState } from './state.js';
import { activeMembers } from './state.js';

/** One member of each replica of the present generation, in the assignment's order. */
export function replicas(state: CoordinatorState): Map<string, MemberState> {
  const { transport } = state.settings.config;
  const first = new Map<string, MemberState>();
  for (const member of activeMembers(state)) {
    const replica = replicaOf(member, transport);
    if (!first.has(replica)) first.set(replica, member);
  }
  return first;
}

/** Whether there is anything to compare, and the run compares. */
export function compares(state: CoordinatorState): boolean {
  return state.settings.config.verifyEvery > 0 && replicas(state).size > 1;
}
