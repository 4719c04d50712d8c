import { BALANCE_AFTER_MS, BALANCE_STEPS, STRAGGLER_FACTOR, STRAGGLER_MS_MIN } from './constants.js';
import { nameOf } from './failure.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { activeMembers, patch } from './state.js';

/** A member whose gradients all others wait for, and how long they take. */
interface Straggler {
  readonly member: MemberState;
  readonly ms: number;
  /** The median of the others. */
  readonly othersMs: number;
}

/** Says, once in a generation, who computes much longer than the others, who all wait for it; shards that can move have moved. */
export function tellStraggler(draft: Draft, nowMs: number): void {
  const { stage, generation, trainingSinceMs, toldStraggler, settings } = draft.state;
  if (stage !== 'training' || toldStraggler === generation || nowMs - trainingSinceMs < BALANCE_AFTER_MS) return;
  const straggler = findStraggler(activeMembers(draft.state));
  if (straggler === null) return;
  patch(draft, { toldStraggler: generation });
  const { member, ms, othersMs } = straggler;
  const message =
    `${nameOf(member)} is a straggler: its gradients take ${ms.toFixed(0)} ms a step, the others' ${othersMs.toFixed(0)} ms, and all ` +
    `wait for it. ${advice(settings)}; to do without it, end its process ${member.pid}`;
  draft.effects.push({ type: 'log', message });
}

function advice({ config }: CoordinatorState['settings']): string {
  if (config.balance === 'even') return '--balance auto moves shards to faster workers';
  return 'Shards move to faster workers where a worker has more than one (a run with more --shards)';
}

/** Null: nobody, or it is not known of all yet. */
export function findStraggler(members: readonly MemberState[]): Straggler | null {
  const trainers = members.filter(({ shards }) => shards.length > 0);
  if (trainers.length < 2 || trainers.some(({ speed }) => (speed?.steps ?? 0) < BALANCE_STEPS)) return null;
  const times = trainers.map((member) => ({ member, ms: member.speed!.msPerShard * member.shards.length }));
  const [slowest, ...others] = times.sort((a, b) => b.ms - a.ms);
  const othersMs = others[Math.floor(others.length / 2)]!.ms;
  const isFar = slowest!.ms >= STRAGGLER_FACTOR * othersMs && slowest!.ms - othersMs >= STRAGGLER_MS_MIN;
  return isFar ? { ...slowest!, othersMs } : null;
}
