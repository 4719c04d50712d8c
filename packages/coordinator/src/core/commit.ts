import type { Metrics, Samples } from '@gantry/common';
import { balance, learnSpeed } from './balance.js';
import { PROGRESS_EVERY_MS } from './constants.js';
import { becomeFailed, nameOf, whereabouts } from './failure.js';
import { fadePhases, learnPhase } from './liveness.js';
import { addMark, mergeMetrics, metricsProblem, recentRate } from './metrics.js';
import type { StepSummary } from './run-events.js';
import type { Draft, MemberState } from './state.js';
import { findLeader, leader, patch, patchMember, updatesPerStep } from './state.js';
import { imagesPerStep } from './stopping.js';
import { tellStraggler } from './straggler.js';

/** Phases in the order of StepMetrics.phaseMs that say something about how long a phase may last. */
const LEARNED = ['loading', 'computing', 'gathering', 'updating', 'committing'] as const;

/** One member's batch: merges what of it is new, reports the steps that it completes. */
export function onMetrics(draft: Draft, member: MemberState, message: Metrics, nowMs: number): void {
  const steps = message.steps.filter(({ step }) => step >= member.measured);
  const { metrics, settings } = draft.state;
  const owned = { shards: member.shards.length, steps: settings.config.steps };
  const problem = metricsProblem(metrics, steps, owned);
  if (problem !== null) {
    becomeFailed(draft, 'GANTRY_PROTOCOL_INVALID', `${nameOf(member)} ${problem}`, whereabouts(member));
    return;
  }
  patchMember(draft, member.worker, { measured: (steps.at(-1)?.step ?? member.measured - 1) + 1 });
  const updates = updatesPerStep(draft.state);
  fadePhases(draft, steps.length);
  for (const { step, phaseMs } of steps) {
    // The first runs of a program are far longer than any later one, and would excuse a hang.
    if (step < metrics.warmUntil) continue;
    for (const [column, phase] of LEARNED.entries()) learnPhase(draft, phase, phaseMs[column]! / updates);
  }
  const last = steps.at(-1);
  learnSpeed(draft, member, steps, metrics.warmUntil);
  // A hub's rows have no sums; its times were learned above.
  if (last === undefined || member.shards.length === 0) return;
  const merged = mergeMetrics(metrics, steps, settings.config.shards);
  const isLeader = member.worker === findLeader(draft.state)?.worker;
  patch(draft, { metrics: isLeader ? addMark(merged.metrics, last.step + 1, nowMs) : merged.metrics });
  reportSteps(draft, merged.finished, nowMs);
  balance(draft, nowMs);
  tellStraggler(draft, nowMs);
}

function reportSteps(draft: Draft, finished: readonly StepSummary[], nowMs: number): void {
  const { metrics, settings } = draft.state;
  const images = imagesPerStep(draft.state);
  const stepsPerSecond = recentRate(metrics);
  const imagesPerSecond = stepsPerSecond * images;
  for (const row of finished) draft.effects.push({ type: 'metrics', row: { ...row, imagesPerSecond } });
  const latest = finished.at(-1);
  const { steps } = settings.config;
  if (latest === undefined) return;
  if (latest.step < steps && nowMs - metrics.lastProgressMs < PROGRESS_EVERY_MS) return;
  const etaSeconds = stepsPerSecond > 0 ? (steps - latest.step) / stepsPerSecond : null;
  patch(draft, { metrics: { ...metrics, lastProgressMs: nowMs } });
  draft.effects.push({ type: 'emit', event: { event: 'progress', ...latest, steps, imagesPerSecond, etaSeconds } });
}

/** The leader's pictures: their arrays must be what their sizes say. */
export function onSamples(draft: Draft, member: MemberState, samples: Samples): void {
  const bytes = samples.count * samples.height * samples.width * samples.channels;
  const fits = [samples.raw, samples.real, samples.ema].every(({ length }) => length === bytes || length === 0);
  if (member.worker !== leader(draft.state).worker || !fits || samples.raw.length === 0) {
    const problem = `${nameOf(member)} sent pictures that are not ${samples.count} of ${samples.height}×${samples.width}×${samples.channels}`;
    becomeFailed(draft, 'GANTRY_PROTOCOL_INVALID', problem, whereabouts(member));
    return;
  }
  draft.effects.push({ type: 'sample', samples });
}
