import type { StepMetrics } from '@gantry/common';
import { BALANCE_AFTER_MS, BALANCE_STEPS } from './constants.js';
import { becomePausing } from './regroup.js';
import { isMuchShorter, shareShards, speedsOf } from './shares.js';
import { hasRoomForLeader } from './slow-disk.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { activeMembers, patch, patchMember } from './state.js';

/** Where StepMetrics.phaseMs has the time of the gradients. */
const COMPUTING = 1;

/** Learns from a member's steps how fast it computes; `warmUntil`: earlier steps say nothing. */
export function learnSpeed(draft: Draft, member: MemberState, steps: readonly StepMetrics[], warmUntil: number): void {
  if (member.shards.length === 0) return;
  let speed = member.speed;
  for (const { step, phaseMs } of steps) {
    if (step < warmUntil) continue;
    const ms = phaseMs[COMPUTING]! / member.shards.length;
    const known = Math.min(speed?.steps ?? 0, BALANCE_STEPS - 1);
    speed = { msPerShard: ((speed?.msPerShard ?? 0) * known + ms) / (known + 1), steps: known + 1 };
  }
  if (speed !== member.speed) patchMember(draft, member.worker, { speed });
}

/**
 * Moves shards where they are computed sooner, if a step's gradients are then ready much sooner. The next generation begins
 * with them; not one bit depends on who computes a shard. Every time, the next one has to wait twice as long.
 */
export function balance(draft: Draft, nowMs: number): void {
  const { settings, stage, stop, trainingSinceMs, balanced } = draft.state;
  const { config } = settings;
  if (config.balance === 'even' || stage !== 'training' || stop !== 'none') return;
  if (isBusy(draft.state) || stepsLeft(draft.state) < BALANCE_STEPS) return;
  if (nowMs - trainingSinceMs < BALANCE_AFTER_MS * 2 ** balanced) return;
  const members = activeMembers(draft.state).filter(({ hub }) => !hub);
  const speeds = speedsOf(members);
  if (speeds === null) return;
  const before = members.map(({ shards }) => shards.length);
  const after = shareShards(config.shards, speeds);
  if (!isMuchShorter(after, before, speeds)) return;
  patch(draft, { balanced: balanced + 1 });
  const shares = members.map(({ worker }, index) => `${worker} ${before[index]} → ${after[index]}`);
  draft.effects.push({ type: 'log', message: `shards move to faster workers: ${shares.join(', ')}` });
  becomePausing(draft);
}

/** A checkpoint is on its way, or waits to be compared: it would be lost. Or the next leader had to wait, or somebody is done already. */
function isBusy(state: CoordinatorState): boolean {
  const { saving, verification, members } = state;
  const isSaving = saving.assembly !== null || verification.unsaved.length > 0;
  return isSaving || !hasRoomForLeader(state) || members.some(({ status }) => status === 'done');
}

function stepsLeft({ settings, metrics }: CoordinatorState): number {
  return settings.config.steps - metrics.nextStep;
}
