import type { CheckpointRecord } from './events.js';
import { workedOn } from './failure.js';
import type { LossRecord, MemberSummary } from './run-events.js';
import type { CoordinatorState, MemberState, RunFailure, Stage } from './state.js';
import { committedUpdate, ownWorkers, summarize } from './state.js';
import { metricsRate } from './stopping.js';

/** A member as `gantry status` and `gantry why` show it. Times are as of the status. */
export interface MemberStatusReport extends MemberSummary {
  readonly status: string;
  /** Its process was started by the coordinator. */
  readonly local: boolean;
  /** Update that it is working on, counted from 1. */
  readonly workingUpdate: number;
  /** Milliseconds since its present phase began. */
  readonly phaseMs: number;
  /** Milliseconds since its last message. */
  readonly silentMs: number;
}

/** A local worker that is no member at the moment. */
export interface AbsentWorker {
  readonly worker: string;
  /** How often it was started again. */
  readonly attempt: number;
  /** It left, or is not started again. */
  readonly over: boolean;
}

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
  readonly members: readonly MemberStatusReport[];
  readonly absent: readonly AbsentWorker[];
  /** With fewer than these the run waits. */
  readonly minWorkers: number;
  readonly leaseMs: number;
  /** The last lost workers, oldest first. */
  readonly losses: readonly (Omit<LossRecord, 'atMs'> & { readonly agoMs: number })[];
  /** All of them. */
  readonly lossCount: number;
  readonly checkpoint: CheckpointRecord | null;
  /** What ended it; null unless it failed. */
  readonly failure: RunFailure | null;
  /** What a person types to go on. */
  readonly resumeCommand: string;
  /** Frames that were dropped: of another run or generation, or from strangers. */
  readonly dropped: number;
}

export function statusOf(state: CoordinatorState, nowMs: number): RunStatus {
  const { settings, metrics, members, saving, losses } = state;
  return {
    run: settings.runId,
    stage: state.stage === 'ending' ? endOf(state) : state.stage,
    generation: state.generation,
    step: metrics.nextStep,
    steps: settings.config.steps,
    update: committedUpdate(state),
    imagesPerSecond: metricsRate(state),
    members: members.map((member) => memberStatus(member, nowMs)),
    absent: absentOf(state),
    minWorkers: settings.config.minWorkers,
    leaseMs: settings.config.leaseMs,
    losses: losses.map(({ atMs, ...loss }) => ({ ...loss, agoMs: age(atMs, nowMs) })),
    lossCount: state.lossCount,
    checkpoint: saving.last,
    failure: state.failure,
    resumeCommand: settings.resumeCommand,
    dropped: state.dropped,
  };
}

function memberStatus(member: MemberState, nowMs: number): MemberStatusReport {
  const { status, local, phaseSinceMs, lastSeenMs } = member;
  const times = { phaseMs: age(phaseSinceMs, nowMs), silentMs: age(lastSeenMs, nowMs) };
  return { ...summarize(member), status, local, workingUpdate: workedOn(member), ...times };
}

function absentOf({ settings, members, processes }: CoordinatorState): AbsentWorker[] {
  return ownWorkers(settings)
    .filter((name) => !members.some(({ worker }) => worker === name))
    .map((worker) => {
      const { attempt, over } = processes.get(worker)!;
      return { worker, attempt, over };
    });
}

function age(sinceMs: number, nowMs: number): number {
  return Math.max(0, Math.round(nowMs - sinceMs));
}

function endOf({ saving, settings }: CoordinatorState): 'done' | 'stopped' {
  return saving.last !== null && saving.last.step < settings.config.steps ? 'stopped' : 'done';
}
