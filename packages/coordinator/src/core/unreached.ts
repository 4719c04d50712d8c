import { type Unreached, unreachedAfterMs } from '@gantry/common';
import { replicaOf } from './assignment.js';
import { expelMember } from './loss.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';

/**
 * A member's word that another one does not answer it over the data link. Both can speak with the coordinator, so that nothing
 * else would ever end their wait. Of the two whoever came last goes, for the one that holds the state is worth more.
 */
export function onUnreached(draft: Draft, member: MemberState, { worker }: Unreached, nowMs: number): void {
  const other = draft.state.members.find((one) => one.worker === worker);
  if (other === undefined || !canAnswer(draft.state, member, nowMs) || !canAnswer(draft.state, other, nowMs)) return;
  const leaves = holdsState(draft.state, other) && !holdsState(draft.state, member) ? member : other;
  const stays = leaves === other ? member : other;
  expelMember(
    draft,
    leaves,
    'GANTRY_TRANSPORT_FAILED',
    `${member.worker} (host ${member.host}) gets no answer from ${other.worker} (host ${other.host}) at ${other.dataEndpoint}, and ` +
      `${stays.worker} goes on without ${leaves.worker}: workers connect to one another in both directions. Open that port in the ` +
      'firewall, or start the worker with --data-host and an address that the others can reach',
  );
}

/** Whoever still receives its state or compiles does not listen yet; the word may also be of a preparation that is over. */
function canAnswer({ stage, settings }: CoordinatorState, member: MemberState, nowMs: number): boolean {
  if (stage !== 'preparing' || member.status !== 'assigned' || member.phase !== 'gathering') return false;
  return nowMs - member.phaseSinceMs >= unreachedAfterMs(settings.config.leaseMs);
}

/** Its replica has what was held: it was not sent it for this generation. */
function holdsState({ members, settings }: CoordinatorState, member: MemberState): boolean {
  const { transport } = settings.config;
  const replica = replicaOf(member, transport);
  return members.some((one) => one.place === 'copied' && replicaOf(one, transport) === replica);
}
