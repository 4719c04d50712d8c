import type { StepMetrics } from '@gantry/common';
import { PENDING_STEPS_MAX, RATE_WINDOW_MS, WARM_UP_STEPS } from './constants.js';
import type { PhaseMs, StepSummary } from './run-events.js';

/** Order of StepMetrics.phaseMs. */
const PHASE_COLUMNS = ['load', 'compute', 'gather', 'update', 'commit'] as const;
/** Numbers in StepMetrics.sums: D loss, G loss, accuracy on real, on fake, penalty (METRIC_NAMES of the worker's side). */
const SUM_COLUMNS = 5;

/** Sums of one step over the shards heard of so far. */
interface PendingStep {
  readonly shards: number;
  readonly sums: readonly number[];
  readonly phaseMs: readonly number[];
  readonly workers: number;
  readonly penalized: number;
  /** By the clock of the worker that had it last. */
  readonly endedMs: number;
}

/** "At `atMs` the leader had finished `step` steps": its batches arrive as soon as they are sent. */
interface Mark {
  readonly atMs: number;
  readonly step: number;
}

/** Invariant: every step below `nextStep` was reported, none at or above it is complete. Steps count from 0 here. */
export interface MetricsState {
  readonly nextStep: number;
  readonly pending: ReadonlyMap<number, PendingStep>;
  /** First mark behind the warm-up. */
  readonly steadySince: Mark | null;
  readonly marks: readonly Mark[];
  /** Sums over the finished steps behind the warm-up. */
  readonly steadySteps: number;
  readonly steadyPhaseMs: readonly number[];
  readonly warmUntil: number;
  readonly latest: StepSummary | null;
  readonly lastProgressMs: number;
}

export function initialMetrics(startStep: number): MetricsState {
  return {
    nextStep: startStep,
    pending: new Map(),
    steadySince: null,
    marks: [],
    steadySteps: 0,
    steadyPhaseMs: [0, 0, 0, 0, 0],
    warmUntil: startStep + WARM_UP_STEPS,
    latest: null,
    lastProgressMs: Number.NEGATIVE_INFINITY,
  };
}

/** What is wrong with one member's rows; null: nothing. */
export function metricsProblem(
  metrics: MetricsState,
  steps: readonly StepMetrics[],
  owned: { shards: number; steps: number },
): string | null {
  for (const { step, shards, sums, phaseMs } of steps) {
    if (step >= owned.steps) return `reports step ${step} of a run of ${owned.steps}`;
    if (shards !== owned.shards) return `reports ${shards} shards and owns ${owned.shards}`;
    if (shards > 0 && sums.length !== SUM_COLUMNS) return `reports ${sums.length} sums, ${SUM_COLUMNS} are expected`;
    if (phaseMs.length !== PHASE_COLUMNS.length)
      return `reports ${phaseMs.length} phases, ${PHASE_COLUMNS.length} are expected`;
    if (step >= metrics.nextStep + PENDING_STEPS_MAX) return `is ${step - metrics.nextStep} steps ahead of the others`;
  }
  return null;
}

function merge(before: PendingStep | undefined, row: StepMetrics): PendingStep {
  if (before === undefined) {
    const { shards, sums, phaseMs, penalized, endedMs } = row;
    return { shards, sums, phaseMs, workers: 1, penalized, endedMs };
  }
  return {
    shards: before.shards + row.shards,
    sums: before.sums.map((sum, index) => sum + row.sums[index]!),
    phaseMs: before.phaseMs.map((sum, index) => sum + row.phaseMs[index]!),
    workers: before.workers + 1,
    penalized: Math.max(before.penalized, row.penalized),
    endedMs: Math.max(before.endedMs, row.endedMs),
  };
}

function phases(sums: readonly number[], count: number): PhaseMs {
  const [load, compute, gather, update, commit] = sums.map((sum) => sum / count) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return { load, compute, gather, update, commit };
}

function summarizeStep(step: number, pending: PendingStep): StepSummary {
  const mean = (column: number): number => pending.sums[column]! / pending.shards;
  return {
    step: step + 1,
    discriminatorLoss: mean(0),
    generatorLoss: mean(1),
    accuracyReal: mean(2),
    accuracyFake: mean(3),
    penalty: pending.penalized > 0 ? mean(4) / pending.penalized : null,
    phaseMs: phases(pending.phaseMs, pending.workers),
    endedMs: pending.endedMs,
  };
}

/** Adds rows of a member with shards; returns the steps whose sums over all `shards` are now there, in order. */
export function mergeMetrics(
  metrics: MetricsState,
  rows: readonly StepMetrics[],
  shards: number,
): { metrics: MetricsState; finished: StepSummary[] } {
  const pending = new Map(metrics.pending);
  for (const row of rows) if (row.step >= metrics.nextStep) pending.set(row.step, merge(pending.get(row.step), row));
  const finished: StepSummary[] = [];
  let { nextStep, steadySteps } = metrics;
  const steadyPhaseMs = [...metrics.steadyPhaseMs];
  for (let step = pending.get(nextStep); step !== undefined && step.shards >= shards; step = pending.get(nextStep)) {
    finished.push(summarizeStep(nextStep, step));
    if (nextStep >= metrics.warmUntil) {
      steadySteps++;
      for (let i = 0; i < steadyPhaseMs.length; i++) steadyPhaseMs[i]! += step.phaseMs[i]! / step.workers;
    }
    pending.delete(nextStep++);
  }
  const latest = finished.at(-1) ?? metrics.latest;
  return { metrics: { ...metrics, pending, nextStep, steadySteps, steadyPhaseMs, latest }, finished };
}

/** Notes that the leader has finished `step` steps at `nowMs`; old marks beyond the window go. */
export function addMark(metrics: MetricsState, step: number, nowMs: number): MetricsState {
  const mark = { atMs: nowMs, step };
  const marks = metrics.marks.filter(({ atMs }) => nowMs - atMs <= RATE_WINDOW_MS);
  const steadySince = metrics.steadySince ?? (step >= metrics.warmUntil ? mark : null);
  return { ...metrics, marks: [...marks, mark], steadySince };
}

/** Steps per second lately; 0 while unknown. */
export function recentRate(metrics: MetricsState): number {
  const first = metrics.marks.find(({ step }) => step >= metrics.warmUntil) ?? metrics.marks[0];
  const last = metrics.marks.at(-1);
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return phaseRate(metrics);
  return ((last.step - first.step) * 1000) / (last.atMs - first.atMs);
}

/**
 * Steps per second from the end of the warm-up to the last mark. A run too short for two marks behind it is judged by the time
 * that its workers say they spent in the steps themselves.
 */
export function steadyRate(metrics: MetricsState): number {
  const { steadySince: first } = metrics;
  const last = metrics.marks.at(-1);
  if (first === null || last === undefined || last.step <= first.step || last.atMs <= first.atMs) {
    return phaseRate(metrics);
  }
  return ((last.step - first.step) * 1000) / (last.atMs - first.atMs);
}

function phaseRate(metrics: MetricsState): number {
  const total = metrics.steadyPhaseMs.reduce((sum, ms) => sum + ms, 0);
  return total > 0 ? (metrics.steadySteps * 1000) / total : 0;
}

/** Means over the finished steps behind the warm-up. */
export function steadyPhases(metrics: MetricsState): PhaseMs | null {
  return metrics.steadySteps === 0 ? null : phases(metrics.steadyPhaseMs, metrics.steadySteps);
}

/**
 * A new generation goes on behind `step` whole steps: those before it that are not complete stay so, because whoever had the
 * rest is gone; means over what was heard are reported. Returns them, in order.
 */
export function resumeMetrics(metrics: MetricsState, step: number): { metrics: MetricsState; finished: StepSummary[] } {
  const finished = [...metrics.pending]
    .filter(([at]) => at < step)
    .sort(([a], [b]) => a - b)
    .map(([at, pending]) => summarizeStep(at, pending));
  const latest = finished.at(-1) ?? metrics.latest;
  // A rate over the gap would be that of the gap.
  return { metrics: { ...metrics, pending: new Map(), nextStep: step, marks: [], latest }, finished };
}
