import type { ErrorCode, ErrorDetails, Leave, Paused } from '@gantry/common';
import { claimsRefusal } from './claims.js';
import { RESTART_DELAY_MS, RESTART_DELAY_MS_MAX } from './constants.js';
import { dismiss, setProcess } from './dismiss.js';
import type { Settings } from './events.js';
import { becomeFailed, nameOf } from './failure.js';
import { tryAssign } from './generation.js';
import { refuseMember } from './refusal.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { activeMembers, hasProgress, holdsLastState, isActive, patch, patchMember, send } from './state.js';
import { onStop } from './stopping.js';
import { noteLoss } from './strikes.js';
import { leaveUnverified, trusted } from './trust.js';

/**
 * Ends the present generation: its members leave what is in flight, and say which update they have. Nothing committed is
 * undone: at most one update is computed again.
 */
export function becomePausing(draft: Draft): void {
  const { stage, generation, stop, saving, lastTickMs } = draft.state;
  if (stage !== 'training' && stage !== 'preparing') return;
  for (const member of activeMembers(draft.state)) {
    send(draft, member, { kind: 'pause', generation });
    patchMember(draft, member.worker, { status: 'pausing' });
  }
  patch(draft, {
    stage: 'pausing',
    pausedSinceMs: lastTickMs,
    // The leader of the next generation is asked again, and sends what it has to save again.
    stop: stop === 'none' ? 'none' : 'requested',
    stopsAt: null,
    saving: { ...saving, assembly: null, received: null },
    relay: null,
    allDoneMs: null,
  });
  leaveUnverified(draft);
  maybeGather(draft, lastTickMs);
}

/** A member has left everything that was in flight. */
export function onPaused(draft: Draft, member: MemberState, paused: Paused, nowMs: number): void {
  if (paused.session !== member.session || member.status !== 'pausing') return;
  const refusal = claimsRefusal(draft.state, paused);
  if (refusal !== null) {
    refuseMember(draft, member, refusal);
    maybeGather(draft, nowMs);
    return;
  }
  const { dataEndpoint, dataKey } = paused;
  patchMember(draft, member.worker, {
    status: 'paused',
    ...trusted(draft.state, paused),
    dataEndpoint,
    dataKey,
    phaseSinceMs: nowMs,
  });
  maybeGather(draft, nowMs);
}

/** Everybody has paused: the next generation begins as soon as there are enough. */
export function maybeGather(draft: Draft, nowMs: number): void {
  const { stage, members } = draft.state;
  if (stage !== 'pausing' || members.some(({ status }) => status === 'pausing')) return;
  patch(draft, { stage: 'gathering' });
  tryAssign(draft, nowMs);
}

/** What is said of a lost worker. */
export interface Loss {
  readonly code: ErrorCode;
  /** Why, in a few words. */
  readonly reason: string;
  /** The whole of it, if it ends the run. */
  readonly problem: string;
  readonly details: ErrorDetails;
}

/** A member is gone for good: the others regroup, and a local one is started again. */
export function removeMember(draft: Draft, member: MemberState, loss: Loss): void {
  dropMember(draft, member);
  if (member.local) restart(draft, member.worker, loss);
  if (draft.state.stage === 'failed') return;
  // Whatever it still is: a process of ours is ended, anybody else is told that it is no member.
  if (!member.local) send(draft, member, { kind: 'rejoin' });
  regroupWithout(draft, member);
}

/** The same of one whose process goes on, and may join anew. */
export function forgetMember(draft: Draft, member: MemberState): void {
  dropMember(draft, member);
  regroupWithout(draft, member);
}

function dropMember(draft: Draft, member: MemberState): void {
  const { members, stage, suspicion } = draft.state;
  if (isActive(member) && stage === 'training') noteLoss(draft, member);
  if (mayReturn(draft.state, member)) patch(draft, { strayedMs: Number.POSITIVE_INFINITY });
  patch(draft, {
    members: members.filter(({ worker }) => worker !== member.worker),
    suspicion: suspicion?.worker === member.worker ? null : suspicion,
  });
}

/** Whether it took part, and may live: what became of a process of ours is known. */
function mayReturn({ trainedGeneration }: CoordinatorState, member: MemberState): boolean {
  const hasTrained = isActive(member) || member.status === 'pausing' || member.heldGeneration >= trainedGeneration;
  return hasTrained && !member.local && trainedGeneration > 0;
}

function regroupWithout(draft: Draft, member: MemberState): void {
  if (isActive(member)) becomePausing(draft);
  else maybeGather(draft, draft.state.lastTickMs);
  const { stage, stop } = draft.state;
  if (stage === 'gathering' && stop === 'none' && areAllLeaving(draft.state)) onStop(draft);
}

/** Nobody is left who was not asked to leave, and there is something to save. */
function areAllLeaving(state: CoordinatorState): boolean {
  const workers = state.members.filter(({ hub }) => !hub);
  return hasProgress(state) && workers.length > 0 && workers.every(({ leaving }) => leaving);
}

/** Starts a local worker again, later with every time; says so when it was the last. */
export function restart(draft: Draft, worker: string, loss: Loss): void {
  const { processes, settings, lastTickMs } = draft.state;
  const process = processes.get(worker);
  if (process === undefined || process.over) return;
  draft.effects.push({ type: 'killWorker', worker });
  if (process.attempt >= settings.config.maxRestarts) {
    setProcess(draft, worker, { attempt: process.attempt + 1, over: true, startedMs: null });
    if (!expectSomebody(draft, loss)) return;
    const times = process.attempt === 0 ? 'once' : `${process.attempt + 1} times`;
    const message = `${worker} was lost ${times} (${loss.reason}) and is not started again: --max-restarts ${settings.config.maxRestarts}`;
    draft.effects.push({ type: 'log', message });
    if (draft.state.stage === 'gathering') tryAssign(draft, lastTickMs);
    return;
  }
  const attempt = process.attempt + 1;
  const delayMs = Math.min(RESTART_DELAY_MS_MAX, RESTART_DELAY_MS * 2 ** (attempt - 1));
  setProcess(draft, worker, { attempt, over: false, startedMs: lastTickMs + delayMs });
  draft.effects.push({ type: 'startWorker', worker, attempt, delayMs });
}

/** A run ends without its hub, and one whose workers are all its own when too few of them are left and none will come: false. */
export function expectSomebody(draft: Draft, loss: Loss): boolean {
  const { settings, members, processes } = draft.state;
  const { minWorkers, maxRestarts } = settings.config;
  const isOver = (name: string): boolean => processes.get(name)!.over;
  const isHubOver = settings.hub !== null && isOver(settings.hub);
  const others = members.filter(({ local, hub }) => !local && !hub).length;
  const left = settings.localWorkers.filter((name) => !isOver(name)).length + others;
  const isFew = areAllOwn(settings) && left < minWorkers;
  if (!isHubOver && !isFew) return true;
  const hub = isHubOver ? `; the run needs its hub, which is not started again (--max-restarts ${maxRestarts})` : '';
  const few = isFew ? `; ${left} of at least ${minWorkers} workers (--min-workers) are left` : '';
  becomeFailed(draft, loss.code, `${loss.problem}${hub}${few}`, loss.details);
  return false;
}

/** Whether nobody is expected who was started by hand. */
function areAllOwn({ localWorkers, config }: Settings): boolean {
  return localWorkers.length >= config.workers;
}

/** Training has begun: whoever was asked to leave and took part only because nobody else held the state goes now. */
export function letLeaversGo(draft: Draft): void {
  const active = activeMembers(draft.state).filter(({ hub }) => !hub);
  const { stage, stop } = draft.state;
  if (stage !== 'training' || stop !== 'none' || !active.some(({ leaving }) => leaving)) return;
  if (active.some(({ leaving }) => !leaving)) becomePausing(draft);
}

/** Whether enough are left without those who were asked to leave, or somebody may still join by hand. */
function canSpare(state: CoordinatorState): boolean {
  const { settings, processes } = state;
  const staying = activeMembers(state).filter(({ leaving, hub }) => !leaving && !hub);
  if (staying.length === 0) return false;
  if (!areAllOwn(settings)) return true;
  const starting = settings.localWorkers.filter((name) => {
    return !processes.get(name)!.over && !state.members.some(({ worker }) => worker === name);
  });
  return staying.length + starting.length >= settings.config.minWorkers;
}

/**
 * A worker was sent SIGTERM: it goes as soon as the others hold the state. Where all are asked, as systemd and Slurm ask a
 * whole group, the run stops as by Ctrl-C, and nothing is lost.
 */
export function onLeave(draft: Draft, member: MemberState, { reason }: Leave): void {
  const { stage, hasTrained } = draft.state;
  if (member.leaving) return;
  patchMember(draft, member.worker, { leaving: true });
  if (!hasTrained && member.local) {
    onStop(draft);
    return;
  }
  if (member.hub) {
    // Nobody goes on without it, and it has nothing to lose: it leaves with the run.
    const message = `${nameOf(member)} was asked to leave (${reason}): it stays as long as the run, which needs its hub`;
    draft.effects.push({ type: 'log', message });
    return;
  }
  if (!isActive(member)) {
    if (areAllLeaving(draft.state)) onStop(draft);
    else if (stage !== 'pausing' && !holdsLastState(draft.state, member)) dismiss(draft, member);
    return;
  }
  const others = canSpare(draft.state);
  const what = others ? 'the others go on without it' : 'finishing the step and saving';
  draft.effects.push({ type: 'log', message: `${nameOf(member)} was asked to leave (${reason}): ${what}` });
  if (others) becomePausing(draft);
  else onStop(draft);
}
