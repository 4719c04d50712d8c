import type { ErrorCode } from '@gantry/common';
import type { CheckpointRecord } from './events.js';
import type { MemberSummary } from './run-events.js';
import type { CoordinatorState, Stage } from './state.js';
import { committedUpdate, summarize } from './state.js';
import { metricsRate } from './stopping.js';

/** A run as `gantry status` shows it. */
export interface RunStatus {
  readonly run: string;
  /** `stopped`: asked to end before its last step. */
  readonly stage: Exclude<Stage, 'ending'> | 'done' | 'stopped';
  readonly generation: number;
  readonly step: number;
  readonly steps: number;
  readonly update: number;
  readonly imagesPerSecond: number;
  readonly members: readonly (MemberSummary & {
    readonly status: string;
    /** Milliseconds since its last message. */
    readonly silentMs: number;
  })[];
  readonly checkpoint: CheckpointRecord | null;
  /** What ended it; null unless it failed. */
  readonly failure: { readonly code: ErrorCode; readonly message: string } | null;
  /** What a person types to go on. */
  readonly resumeCommand: string;
  /** Frames that were dropped: of another run or generation, or from strangers. */
  readonly dropped: number;
}

export function statusOf(state: CoordinatorState, nowMs: number): RunStatus {
  const { settings, metrics, members, saving } = state;
  return {
    run: settings.runId,
    stage: state.stage === 'ending' ? endOf(state) : state.stage,
    generation: state.generation,
    step: metrics.nextStep,
    steps: settings.config.steps,
    update: committedUpdate(state),
    imagesPerSecond: metricsRate(state),
    members: members.map((member) => ({
      ...summarize(member),
      status: member.status,
      silentMs: Math.max(0, Math.round(nowMs - member.lastSeenMs)),
    })),
    checkpoint: saving.last,
    failure: state.failure,
    resumeCommand: settings.resumeCommand,
    dropped: state.dropped,
  };
}

function endOf({ saving, settings }: CoordinatorState): 'done' | 'stopped' {
  return saving.last !== null && saving.last.step < settings.config.steps ? 'stopped' : 'done';
}
