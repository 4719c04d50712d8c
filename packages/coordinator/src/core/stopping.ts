import type { Stopped } from '@gantry/common';
import { becomeFailed, nameOf } from './failure.js';
import { tryAssign } from './generation.js';
import { journalRecord } from './journal.js';
import { steadyPhases, steadyRate } from './metrics.js';
import type { RunResult } from './run-events.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { activeMembers, hasProgress, leader, patch, send, updatesPerStep } from './state.js';

/** Ctrl-C: the leader alone decides where, because nobody can commit an update without it (ADR 2). */
export function onStop(draft: Draft): void {
  const { stage, stop } = draft.state;
  if (!hasProgress(draft.state) && (stage === 'gathering' || stage === 'preparing')) {
    becomeFailed(draft, 'GANTRY_INTERRUPTED', 'stopped before training began');
    return;
  }
  if (stop !== 'none' || stage === 'ending') return;
  patch(draft, { stop: 'requested' });
  // Between two generations: the next one's leader is asked when it begins, which now need not wait for the minimum.
  if (stage === 'gathering') tryAssign(draft, draft.state.lastTickMs);
  if (stage !== 'training') return;
  const first = leader(draft.state);
  if (first.status === 'training') send(draft, first, { kind: 'stopRequest', save: true });
}

/** The leader will not begin another update: nobody shall go beyond `atUpdate`. */
export function onStopped(draft: Draft, member: MemberState, { atUpdate }: Stopped): void {
  if (member.worker !== leader(draft.state).worker || draft.state.stop !== 'requested') return;
  patch(draft, { stop: 'agreed', stopsAt: atUpdate });
  for (const other of activeMembers(draft.state)) {
    if (other.worker !== member.worker) send(draft, other, { kind: 'stop', atUpdate });
  }
}

/** Everyone is done and the state they agree on is on the disk: the run is over. */
export function maybeEnd(draft: Draft): void {
  const { stage, saving } = draft.state;
  if (stage !== 'training' || activeMembers(draft.state).some(({ status }) => status !== 'done')) return;
  const first = leader(draft.state);
  if (saving.last?.update !== first.doneUpdate || saving.writing.length > 0) return;
  if (saving.last.stateSha256 !== first.stateSha256) {
    const problem = `the saved state ${saving.last.stateSha256.slice(0, 12)} is not the one that ${nameOf(first)} ended with, ${first.stateSha256.slice(0, 12)}`;
    becomeFailed(draft, 'GANTRY_INTERNAL', problem);
    return;
  }
  becomeEnding(draft);
}

function becomeEnding(draft: Draft): void {
  for (const member of draft.state.members) send(draft, member, { kind: 'bye' });
  patch(draft, { stage: 'ending' });
  draft.effects.push({ type: 'journal', record: journalRecord(draft.state), first: false });
  finish(draft, resultOf(draft.state));
}

/** The run has come to its end; the shell says so when everything is written and every worker has left. */
export function finish(draft: Draft, result: RunResult): void {
  draft.effects.push({ type: 'end', outcome: { result } });
}

/** What the last checkpoint holds, and how fast it was reached. */
export function resultOf(state: CoordinatorState): RunResult {
  const { saving, settings, metrics } = state;
  const { step, update, stateSha256, path } = saving.last!;
  return {
    step,
    update,
    stateSha256,
    imagesPerSecond: metricsRate(state),
    checkpoint: path,
    interrupted: step < settings.config.steps,
    resumeCommand: settings.resumeCommand,
    phaseMs: steadyPhases(metrics),
  };
}

/** Real images consumed by D per second, behind the warm-up. */
export function metricsRate(state: CoordinatorState): number {
  return steadyRate(state.metrics) * imagesPerStep(state);
}

/** Real images that D consumes in one step. */
export function imagesPerStep(state: CoordinatorState): number {
  const { batch, updates, discriminatorUpdates } = state.settings.config;
  return batch * (updates === 'simultaneous' ? 1 : discriminatorUpdates);
}

/** Updates of the whole run. */
export function totalUpdates(state: CoordinatorState): number {
  return state.settings.config.steps * updatesPerStep(state);
}
