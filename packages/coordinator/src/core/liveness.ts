import { type Failure, type Heartbeat, type Phase, unreachedAfterMs } from '@gantry/common';
import {
  FINAL_STATE_ALLOWANCE_MS,
  FIRST_STEPS,
  FIRST_UPDATES_ALLOWANCE_MS,
  HEARTBEATS_PER_LEASE,
  HEARTBEATS_TO_SILENCE,
  HELLO_ALLOWANCE_MS,
  LONGEST_HALF_LIFE_STEPS,
  PAUSE_LEASES,
  PREPARING_ALLOWANCE_MS,
  SAME_PHASE_MS,
  SAVING_ALLOWANCE_MS,
  STALL_FACTOR,
  STARTING_LEASES,
  SUSPICION_MS,
  UNREACHED_MARGIN_MS,
} from './constants.js';
import { endsRun } from './ending-errors.js';
import type { CoordinatorEvent } from './events.js';
import { becomeFailed, isInputError, nameOf, unborn, whereabouts } from './failure.js';
import { tryAssign } from './generation.js';
import { blameStalled, confirmSuspicion, loseMember, suspect } from './loss.js';
import { recordUnborn } from './losses.js';
import { restart } from './regroup.js';
import { isHeldBack, ownSinceMs, tellDiskAwaited } from './slow-disk.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { activeMembers, isActive, mayHaveTrained, memberByPeer, patch, patchMember, updatesPerStep } from './state.js';
import { checkUnreached } from './unreached.js';

/** Phases in which a member waits for others, or for nothing: it is never the one that holds the run up. */
const WAITING: ReadonlySet<Phase> = new Set(['ready', 'gathering', 'committing', 'stopped']);
/** Phases of one worker's turn at an update, in order: of two waiting members the one further back is waited for. */
const UPDATE_ORDER: readonly Phase[] = ['loading', 'computing', 'gathering', 'updating', 'committing'];

/** A beat: the lease begins anew, the phase's history grows. The shell has answered it already, without waiting in a queue. */
export function onHeartbeat(draft: Draft, member: MemberState, beat: Heartbeat, nowMs: number): void {
  if (beat.session !== member.session) return;
  if (beat.progress !== member.progress && isWarm(draft.state, member)) {
    learnPhase(draft, member.phase, member.lastSeenMs - ownSinceMs(draft.state, member));
  }
  patchMember(draft, member.worker, {
    phase: beat.phase,
    workingUpdate: beat.workingUpdate,
    progress: beat.progress,
    phaseSinceMs: nowMs - beat.phaseMs,
    lastSeenMs: nowMs,
  });
}

/** Keeps the longest that was seen of a phase, by any member. */
export function learnPhase(draft: Draft, phase: Phase, ms: number): void {
  const { phaseLongestMs } = draft.state;
  if (ms > (phaseLongestMs[phase] ?? 0)) patch(draft, { phaseLongestMs: { ...phaseLongestMs, [phase]: ms } });
}

/** One member has done `steps` more: what phases took before counts less, so that one hiccup is not excused for ever. */
export function fadePhases(draft: Draft, steps: number): void {
  const { phaseLongestMs } = draft.state;
  const kept = 0.5 ** (steps / (LONGEST_HALF_LIFE_STEPS * Math.max(1, activeMembers(draft.state).length)));
  const faded = Object.entries(phaseLongestMs).map(([phase, longest]) => [phase, longest * kept]);
  patch(draft, { phaseLongestMs: Object.fromEntries(faded) });
}

/** How long a member may stay in its present phase. */
export function allowanceMs(state: CoordinatorState, member: MemberState): number {
  if (state.stage !== 'training' || member.phase === 'starting' || member.phase === 'compiling') {
    const { leaseMs } = state.settings.config;
    const knownMs = unreachedAfterMs(leaseMs) + UNREACHED_MARGIN_MS;
    return Math.max(PREPARING_ALLOWANCE_MS, STARTING_LEASES * leaseMs, knownMs);
  }
  const longest = state.phaseLongestMs[member.phase] ?? 0;
  const learned = Math.max(state.settings.config.leaseMs, STALL_FACTOR * longest);
  if (member.phase === 'saving' || member.phase === 'sampling') return Math.max(learned, SAVING_ALLOWANCE_MS);
  return isWarm(state, member) ? learned : Math.max(learned, FIRST_UPDATES_ALLOWANCE_MS);
}

/** Behind the first steps, whose phases are far longer than any later one. */
function isWarm(state: CoordinatorState, member: MemberState): boolean {
  return member.workingUpdate > state.startUpdate + FIRST_STEPS * updatesPerStep(state);
}

/** The member that others wait for longer than allowed, if there is one. */
export function findStalled(state: CoordinatorState, nowMs: number): MemberState | undefined {
  const active = state.members.filter(({ status }) => status === 'assigned' || status === 'training');
  if (state.stage === 'pausing') return findLatePause(state, nowMs);
  // Who prepares may wait for another one's state, of which the last piece may just have come.
  const movedMs = state.stage === 'preparing' ? Math.max(...active.map(({ phaseSinceMs }) => phaseSinceMs)) : 0;
  const late = active.filter((member) => {
    const sinceMs = Math.max(ownSinceMs(state, member), movedMs);
    const isLate = nowMs - sinceMs > allowanceMs(state, member) && !isHeldBack(state, member);
    return isLate && !isSilent(state, member, nowMs);
  });
  const culprit = late.find(({ phase }) => !WAITING.has(phase));
  if (culprit !== undefined) return culprit;
  // All wait, for each other: a message or a wake-up was lost. Blame whoever is furthest back; before training, who has no state.
  const deadlocked = late.length === active.length && late.some(({ phase }) => phase !== 'ready');
  return deadlocked ? [...late].sort(state.stage === 'training' ? furthestBack : holdersLast)[0] : undefined;
}

/** Whoever pauses may have to finish a run of a program first. */
function findLatePause({ members, settings, pausedSinceMs, phaseLongestMs }: CoordinatorState, nowMs: number) {
  const allowedMs = PAUSE_LEASES * settings.config.leaseMs + STALL_FACTOR * (phaseLongestMs.computing ?? 0);
  if (nowMs - pausedSinceMs <= allowedMs) return undefined;
  return members.find(({ status }) => status === 'pausing');
}

/** Its phase began before it was last heard of, so that it would seem stalled before its lease ends. */
function isSilent({ settings }: CoordinatorState, { lastSeenMs }: MemberState, nowMs: number): boolean {
  return nowMs - lastSeenMs > (HEARTBEATS_TO_SILENCE * settings.config.leaseMs) / HEARTBEATS_PER_LEASE;
}

function holdersLast(a: MemberState, b: MemberState): number {
  return Number(a.place === 'copied') - Number(b.place === 'copied');
}

function furthestBack(a: MemberState, b: MemberState): number {
  return a.workingUpdate - b.workingUpdate || UPDATE_ORDER.indexOf(a.phase) - UPDATE_ORDER.indexOf(b.phase);
}

/** Looks at the time: leases, stalls, workers that never came. */
export function onTick(draft: Draft, nowMs: number): void {
  forgiveOwnSleep(draft, nowMs);
  patch(draft, { lastTickMs: nowMs });
  // The tick before may have been long ago.
  if (draft.state.strayedMs === Number.POSITIVE_INFINITY) patch(draft, { strayedMs: nowMs });
  checkSuspicion(draft, nowMs);
  if (draft.state.stage === 'gathering') tryAssign(draft, nowMs);
  checkAbsent(draft, nowMs);
  checkRestarted(draft, nowMs);
  checkLeases(draft, nowMs);
  checkUnreached(draft, nowMs);
  checkStalled(draft, nowMs);
  checkFinalState(draft, nowMs);
}

/** If this process itself was stopped or starved, the beats it missed are waiting in its socket: nobody else is at fault. */
function forgiveOwnSleep(draft: Draft, nowMs: number): void {
  const { lastTickMs, settings, members, saving, pausedSinceMs, strayedMs, allDoneMs, suspicion } = draft.state;
  const sleptMs = nowMs - lastTickMs;
  if (sleptMs < settings.config.leaseMs / 3) return;
  patch(draft, {
    members: members.map((member) => ({
      ...member,
      lastSeenMs: member.lastSeenMs + sleptMs,
      phaseSinceMs: member.phaseSinceMs + sleptMs,
    })),
    saving: { ...saving, writtenMs: saving.writtenMs + sleptMs },
    pausedSinceMs: pausedSinceMs + sleptMs,
    strayedMs: strayedMs === null ? null : strayedMs + sleptMs,
    allDoneMs: allDoneMs === null ? null : allDoneMs + sleptMs,
    suspicion: suspicion === null ? null : { ...suspicion, sinceMs: suspicion.sinceMs + sleptMs },
  });
}

function checkSuspicion(draft: Draft, nowMs: number): void {
  const { suspicion } = draft.state;
  if (suspicion !== null && nowMs - suspicion.sinceMs >= SUSPICION_MS) confirmSuspicion(draft, suspicion);
}

function checkAbsent(draft: Draft, nowMs: number): void {
  const { stage, settings, members } = draft.state;
  if (stage !== 'gathering' || mayHaveTrained(draft.state) || nowMs - settings.startedMs < HELLO_ALLOWANCE_MS) return;
  const own = settings.hub === null ? settings.localWorkers : [...settings.localWorkers, settings.hub];
  const absent = own.find((worker) => !members.some((member) => member.worker === worker));
  if (absent === undefined) return;
  becomeFailed(
    draft,
    'GANTRY_WORKER_LOST',
    `${absent} was started and did not report within ${HELLO_ALLOWANCE_MS / 1000} s; see its file in the run's logs folder`,
    { worker: absent, phase: 'starting', update: 0 },
  );
}

/** A worker that was started and says nothing is started once more. */
function checkRestarted(draft: Draft, nowMs: number): void {
  const { processes, members, settings } = draft.state;
  if (!mayHaveTrained(draft.state)) return;
  for (const [worker, { startedMs, over }] of processes) {
    const isLate = !over && nowMs - (startedMs ?? settings.startedMs) > HELLO_ALLOWANCE_MS;
    if (!isLate || members.some((member) => member.worker === worker)) continue;
    const reason = `it did not report within ${HELLO_ALLOWANCE_MS / 1000} s of its start`;
    const problem = `${worker}, in phase starting: ${reason}`;
    loseUnborn(draft, worker, { reason, problem });
    return;
  }
}

/** A local worker ended, or is as if it had, before it reported: it is started once more. */
function loseUnborn(draft: Draft, worker: string, { reason, problem }: { reason: string; problem: string }): void {
  recordUnborn(draft, worker, reason);
  restart(draft, worker, { code: 'GANTRY_WORKER_LOST', reason, problem, details: unborn(worker) });
}

function checkLeases(draft: Draft, nowMs: number): void {
  const { stage, settings, members } = draft.state;
  const silent = members.find((member) => {
    const isStarting = stage !== 'training' || !isActive(member);
    return nowMs - member.lastSeenMs > settings.config.leaseMs * (isStarting ? STARTING_LEASES : 1);
  });
  if (silent === undefined) return;
  const seconds = ((nowMs - silent.lastSeenMs) / 1000).toFixed(1);
  loseMember(draft, silent, `no heartbeat for ${seconds} s (lease ${settings.config.leaseMs} ms): stopped, or cut off`);
}

function checkStalled(draft: Draft, nowMs: number): void {
  const { stage } = draft.state;
  if (stage !== 'training' && stage !== 'preparing' && stage !== 'pausing') return;
  const heldBack = draft.state.members.find((member) => isHeldBack(draft.state, member));
  if (heldBack !== undefined && nowMs - heldBack.phaseSinceMs > allowanceMs(draft.state, heldBack))
    tellDiskAwaited(draft);
  const stalled = findStalled(draft.state, nowMs);
  if (stalled === undefined) return;
  if (isWaitedFor(draft.state, stalled)) {
    tellStalled(draft, stalled, nowMs);
    return;
  }
  // Two may not reach each other any more: the next generation finds out which.
  if (WAITING.has(stalled.phase)) patch(draft, { links: null });
  blameStalled(draft, stalled, nowMs - (stage === 'pausing' ? draft.state.pausedSinceMs : stalled.phaseSinceMs));
}

/** Where all wait for one another, nobody is slow: a message was lost, and waiting would have no end. */
function isWaitedFor({ settings, stage }: CoordinatorState, { phase }: MemberState): boolean {
  return settings.config.stalled === 'wait' && stage !== 'pausing' && !WAITING.has(phase);
}

/** Once for each phase that it does not leave. */
function tellStalled(draft: Draft, member: MemberState, nowMs: number): void {
  const { toldStalled } = draft.state;
  const { worker, phaseSinceMs } = member;
  // Beats say since when, give or take their way.
  const isTold = toldStalled?.worker === worker && Math.abs(toldStalled.phaseSinceMs - phaseSinceMs) < SAME_PHASE_MS;
  patch(draft, { toldStalled: { worker, phaseSinceMs } });
  if (isTold) return;
  const message =
    `${nameOf(member)} makes no progress for ${((nowMs - phaseSinceMs) / 1000).toFixed(1)} s in phase ${member.phase} of update ` +
    `${member.workingUpdate}. It is waited for (--stalled wait); to do without it, end its process ${member.pid}`;
  draft.effects.push({ type: 'log', message });
}

function checkFinalState(draft: Draft, nowMs: number): void {
  const { allDoneMs, saving, stage } = draft.state;
  if (stage !== 'training' || allDoneMs === null || saving.writing.length > 0) return;
  if (nowMs - allDoneMs < FINAL_STATE_ALLOWANCE_MS) return;
  becomeFailed(draft, 'GANTRY_INTERNAL', 'all workers are done and the leader did not send the final state');
}

/** A local process ended. */
export function onChildExit(draft: Draft, event: Extract<CoordinatorEvent, { type: 'childExit' }>): void {
  const { worker, code, signal, lastWords, attempt } = event;
  const process = draft.state.processes.get(worker);
  // The end of a process that is given up already.
  if (process === undefined || process.attempt !== attempt || process.over) return;
  const said = lastWords === '' ? '' : `; its last words: ${lastWords}`;
  const reason = signal !== null ? `killed by ${signal}` : `exited with code ${code}${said}`;
  const member = draft.state.members.find((one) => one.worker === worker);
  if (member !== undefined && signal !== null) {
    loseMember(draft, member, reason);
    return;
  }
  if (member === undefined && mayHaveTrained(draft.state)) {
    const problem = `${worker}, in phase starting, ${reason} before it reported`;
    loseUnborn(draft, worker, { reason, problem });
    return;
  }
  const message = member === undefined ? `${worker}, in phase starting, ${reason} before it reported` : reason;
  // What it said of itself before it left may still be in the socket.
  suspect(draft, {
    sinceMs: event.nowMs,
    worker,
    code: 'GANTRY_WORKER_LOST',
    message,
    lost: member !== undefined,
  });
}

/** While training the lease sees this; before, a worker may rightly be silent for long, and only the kernel knows. */
export function onChildStopped(draft: Draft, worker: string): void {
  const { stage, members, settings, hasTrained } = draft.state;
  if (hasTrained || (stage !== 'gathering' && stage !== 'preparing')) return;
  const reason = `stopped (SIGSTOP) for longer than the lease of ${settings.config.leaseMs} ms`;
  const member = members.find((one) => one.worker === worker);
  const problem = `${worker}, in phase starting, is ${reason}`;
  if (member !== undefined) loseMember(draft, member, reason);
  else if (mayHaveTrained(draft.state)) loseUnborn(draft, worker, { reason, problem });
  else becomeFailed(draft, 'GANTRY_WORKER_LOST', problem, unborn(worker));
}

/** A connection broke. Of a local worker the exit tells more, if it comes; a stranger's is nobody's business. */
export function onDisconnected(draft: Draft, peer: string, nowMs: number): void {
  const member = memberByPeer(draft.state, peer);
  if (member === undefined) return;
  if (!member.local) {
    loseMember(draft, member, 'its connection broke');
    return;
  }
  const { worker } = member;
  const { suspicion } = draft.state;
  // Its exit was told already: it says more.
  if (suspicion?.lost === true && suspicion.worker === worker) return;
  suspect(draft, { sinceMs: nowMs, worker, code: 'GANTRY_WORKER_LOST', message: 'its connection broke', lost: true });
}

/** A member's own report. One about others (a broken peer, an abort) waits for the cause itself. */
export function onFailure(draft: Draft, member: MemberState, failure: Failure, nowMs: number): void {
  const isOwn = member.local && draft.state.stage !== 'training' && isInputError(failure.code);
  const message = isOwn ? failure.message : `${nameOf(member)} failed: ${failure.message}`;
  // Once training goes on, what a worker lacks is its own trouble: the others have what they need.
  if (mayHaveTrained(draft.state) && !endsRun(draft.state, member, failure.code, nowMs)) {
    suspect(draft, { sinceMs: nowMs, worker: member.worker, code: failure.code, message: failure.message, lost: true });
    return;
  }
  if (failure.code === 'GANTRY_TRANSPORT_FAILED' || failure.code === 'GANTRY_ABORTED') {
    suspect(draft, { sinceMs: nowMs, worker: member.worker, code: failure.code, message, lost: false });
    return;
  }
  becomeFailed(draft, failure.code, message, { ...whereabouts(member), ...parseDetails(failure.detailsJson) });
}

/** Only flat values, as ErrorDetails allows; anything else was not written by Gantry. */
function parseDetails(json: string): Record<string, string | number | boolean | null> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return {};
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {};
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => typeof value !== 'object'));
}
