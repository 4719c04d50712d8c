import { type ErrorCode, isLoopback } from '@gantry/common';
import type { CoordinatorState, MemberState } from './state.js';

/**
 * Whether a worker that has joined and those of other hosts can reach one another, as far as their addresses tell; null: they
 * can. Found here, it is one worker that is refused; found by the members, a generation that never begins.
 */
export function reachRefusal(
  { members }: CoordinatorState,
  member: MemberState,
  dataEndpoint: string,
): { readonly code: ErrorCode; readonly message: string } | null {
  const others = members.filter(
    ({ host, status, dataEndpoint: theirs }) => host !== member.host && status !== 'greeted' && theirs !== '',
  );
  const [other] = others;
  if (other === undefined) return null;
  if (dataEndpoint === '') {
    const message = `it listens for no data, which the workers of other hosts (${other.worker} on ${other.host}) have to send it`;
    return { code: 'GANTRY_PROTOCOL_INVALID', message };
  }
  const apart = others.find(({ dataEndpoint: theirs }) => isLoopback(theirs) !== isLoopback(dataEndpoint));
  if (apart === undefined) return null;
  const [inside, outside] = isLoopback(dataEndpoint) ? [member, apart] : [apart, member];
  const message =
    `${inside.worker} listens for data on the loopback of ${inside.host} alone, where ${outside.worker} on ${outside.host} cannot ` +
    `reach it: start ${inside.worker} with --join and the coordinator's address in the network, or with --data-host ADDRESS`;
  return { code: 'GANTRY_TRANSPORT_FAILED', message };
}
