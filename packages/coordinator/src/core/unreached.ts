import { type Unreached, unreachedAfterMs } from '@gantry/common';
import { replicaOf } from './assignment.js';
import { UNREACHED_FRESH_MS, UNREACHED_WORDS_MS } from './constants.js';
import { expelMember } from './loss.js';
import { type CoordinatorState, type Draft, type MemberState, patch, type UnreachedWord } from './state.js';

/** A member's word that another one does not answer it over the data link. */
interface Word {
  readonly by: MemberState;
  readonly of: MemberState;
  readonly firstMs: number;
}

/**
 * Both can speak with the coordinator, so that nothing else would ever end their wait. Which of them it is that cannot be
 * reached one word does not tell: an answer may be lost as well.
 */
export function onUnreached(draft: Draft, member: MemberState, { worker }: Unreached, nowMs: number): void {
  const other = draft.state.members.find((one) => one.worker === worker);
  if (other === undefined || other === member) return;
  if (!canAnswer(draft.state, member, nowMs) || !canAnswer(draft.state, other, nowMs)) return;
  const { unreached } = draft.state;
  const isSame = ({ by, of }: UnreachedWord) => by === member.worker && of === worker;
  const firstMs = unreached.find(isSame)?.firstMs ?? nowMs;
  const others = unreached.filter((word) => !isSame(word));
  patch(draft, { unreached: [...others, { by: member.worker, of: worker, firstMs, lastMs: nowMs }] });
}

/** When everybody has had the time to say a word, one of those goes who are in those that are still said. */
export function checkUnreached(draft: Draft, nowMs: number): void {
  if (draft.state.unreached.length === 0) return;
  const unreached = draft.state.unreached.filter(({ lastMs }) => nowMs - lastMs < UNREACHED_FRESH_MS);
  patch(draft, { unreached });
  const words = unreached.flatMap((word) => wordOf(draft.state, word, nowMs));
  const preparing = draft.state.members.filter(({ status }) => status === 'assigned');
  const isHeard = words.some(({ firstMs }) => nowMs - firstMs >= UNREACHED_WORDS_MS);
  if (!isHeard || !preparing.every((member) => canAnswer(draft.state, member, nowMs - UNREACHED_WORDS_MS))) return;
  const leaves = whoLeaves(draft.state, words);
  const word = words.find(({ of }) => of === leaves) ?? words.find(({ by }) => by === leaves);
  if (leaves === undefined || word === undefined) return;
  const stays = word.of === leaves ? word.by : word.of;
  expelMember(
    draft,
    leaves,
    'GANTRY_TRANSPORT_FAILED',
    `${word.by.worker} (host ${word.by.host}) gets no answer from ${word.of.worker} (host ${word.of.host}) at ${word.of.dataEndpoint}, ` +
      `and ${stays.worker} goes on without ${leaves.worker}: workers connect to one another in both directions. Open that port in the ` +
      'firewall, or start the worker with --data-host and an address that the others can reach',
  );
}

/** Nothing where it was said only once, or one of them is no member any more, or listens to others by now. */
function wordOf(state: CoordinatorState, { by, of, firstMs, lastMs }: UnreachedWord, nowMs: number): Word[] {
  if (lastMs === firstMs) return [];
  const [one, other] = [by, of].map((worker) =>
    state.members.find((member) => member.worker === worker && canAnswer(state, member, nowMs)),
  );
  return one === undefined || other === undefined ? [] : [{ by: one, of: other, firstMs }];
}

/**
 * Who holds the state is worth more than who does not. Behind a firewall one has no answer from anybody, and gives none: it is in
 * more pairs than each of the others. Else whoever is last in order.
 */
function whoLeaves(state: CoordinatorState, words: readonly Word[]): MemberState | undefined {
  const pairs = new Map<MemberState, Set<MemberState>>();
  for (const { by, of } of words) {
    pairs.set(by, (pairs.get(by) ?? new Set()).add(of));
    pairs.set(of, (pairs.get(of) ?? new Set()).add(by));
  }
  const order = (member: MemberState) => state.members.indexOf(member);
  return [...pairs.keys()].sort(
    (a, b) =>
      Number(holdsState(state, a)) - Number(holdsState(state, b)) ||
      pairs.get(b)!.size - pairs.get(a)!.size ||
      order(b) - order(a),
  )[0];
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
