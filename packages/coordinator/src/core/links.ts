import { type LinkCosts, UNMEASURED } from '@gantry/common';
import { replicaOf } from './assignment.js';
import type { NetworkSummary } from './run-events.js';
import { activeMembers, type CoordinatorState, type Draft, type MemberState, patch } from './state.js';

/** What the members of a generation need not measure again: the links between the same hosts, or some of them. */
export function knownCosts({ links, settings }: CoordinatorState, members: readonly MemberState[]): LinkCosts {
  const { transport } = settings.config;
  const isKnown = links !== null && members.every((member) => links.replicas.has(replicaOf(member, transport)));
  return isKnown ? links.costs : UNMEASURED;
}

/** Remembers what the members have measured; where several did so, the worst of it. */
export function rememberLinks(draft: Draft): void {
  const members = activeMembers(draft.state);
  const measured = members.map(({ network }) => network).filter(({ latencyUs }) => latencyUs > 0);
  if (measured.length === 0 || knownCosts(draft.state, members).latencyUs > 0) return;
  const costs = {
    latencyUs: Math.max(...measured.map(({ latencyUs }) => latencyUs)),
    kilobytesPerSecond: Math.min(...measured.map(({ kilobytesPerSecond }) => kilobytesPerSecond)),
  };
  patch(draft, { links: { replicas: replicasOf(draft.state), costs } });
}

/** For people, of links that are remembered: the topology by the first member that told it, and what they cost; null: nothing was measured. */
export function summarizeNetwork(state: CoordinatorState): NetworkSummary | null {
  const members = activeMembers(state);
  const told = members.find(({ topology }) => topology !== '');
  if (told === undefined) return null;
  const { latencyUs, kilobytesPerSecond } = knownCosts(state, members);
  const megabitsPerSecond = Math.round((kilobytesPerSecond * 8) / 1000);
  const { topology } = told;
  return { topology, hosts: replicasOf(state).size, latencyMs: latencyUs / 1000, megabitsPerSecond };
}

function replicasOf(state: CoordinatorState): Set<string> {
  const { transport } = state.settings.config;
  return new Set(activeMembers(state).map((member) => replicaOf(member, transport)));
}
