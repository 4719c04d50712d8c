import type { Envelope, Hello, MessageKind } from '@gantry/common';
import { assertNever } from '@gantry/common';
import { onMetrics, onSamples } from './commit.js';
import { onDone } from './done.js';
import type { CoordinatorEvent, Effect } from './events.js';
import { becomeFailed } from './failure.js';
import { isTimeToAdmit, tryAssign } from './generation.js';
import { onChildExit, onChildStopped, onDisconnected, onFailure, onHeartbeat, onTick } from './liveness.js';
import { loseMember, onNonsense, refusesProgram, releaseMember } from './loss.js';
import { isOwnChild, onHello, onJoined } from './membership.js';
import { onReady } from './ready.js';
import { becomePausing, letLeaversGo, onLeave, onPaused } from './regroup.js';
import { onCheckpointSaved, onStateChunk } from './saving.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { drop, memberByPeer, patch, patchMember, send } from './state.js';
import { finish, onStop, onStopped, resultOf, totalUpdates } from './stopping.js';
import { onUnreached } from './unreached.js';
import { onStateHash } from './verification.js';

/** Messages that belong to one membership: those of another generation are dropped. */
const OF_A_GENERATION: ReadonlySet<MessageKind> = new Set<MessageKind>([
  'ready',
  'metrics',
  'stateChunk',
  'stateReceived',
  'stateHash',
  'unreached',
  'samples',
  'stopped',
  'done',
  'paused',
]);
/** Messages that mean something only while updates are made. */
const OF_TRAINING: ReadonlySet<MessageKind> = new Set<MessageKind>(['stateHash', 'samples', 'stopped', 'done']);
/** The same, and a member that pauses still tells what it has measured. */
const OF_MEASURING: ReadonlySet<MessageKind> = new Set<MessageKind>(['metrics']);

/**
 * The coordinator's whole decision: what follows from one event. Pure: no clock, no socket, no file; effects are performed by
 * the shell, in order, before the next event.
 */
export function step(state: CoordinatorState, event: CoordinatorEvent): { state: CoordinatorState; effects: Effect[] } {
  const draft: Draft = { state, effects: [] };
  if (state.stage !== 'failed') apply(draft, event);
  return draft;
}

function apply(draft: Draft, event: CoordinatorEvent): void {
  const over = draft.state.stage === 'ending';
  switch (event.type) {
    case 'message':
      onMessage(draft, event);
      return;
    case 'childExit':
      if (!over) onChildExit(draft, event);
      return;
    case 'childStopped':
      if (!over) onChildStopped(draft, event.worker);
      return;
    case 'disconnected':
      if (!over) onDisconnected(draft, event.peer, event.nowMs);
      return;
    case 'tick':
      if (!over) onTick(draft, event.nowMs);
      return;
    case 'nonsense':
      if (!over) onNonsense(draft, event);
      return;
    case 'restored':
      onRestored(draft, event);
      return;
    case 'checkpointSaved':
      onCheckpointSaved(draft, event.checkpoint);
      return;
    case 'failed':
      becomeFailed(draft, event.code, event.message, event.details);
      return;
    case 'stop':
      onStop(draft);
      return;
    case 'abort':
      becomeFailed(draft, 'GANTRY_INTERRUPTED', event.reason);
      return;
    default:
      assertNever(event);
      return;
  }
}

/** Somebody new is ready to take part: the run regroups with it at once, or waits for exactly this. */
function admit(draft: Draft, nowMs: number): void {
  const { stage } = draft.state;
  if (stage === 'gathering') tryAssign(draft, nowMs);
  else if (stage === 'training' && isTimeToAdmit(draft.state, nowMs)) becomePausing(draft);
}

/** Where training goes on. A run that has all its steps already is over. */
function onRestored(draft: Draft, event: Extract<CoordinatorEvent, { type: 'restored' }>): void {
  const { checkpoint, programHash, kept, nowMs } = event;
  const { saving, settings } = draft.state;
  patch(draft, {
    restored: true,
    atHand: checkpoint?.update ?? null,
    ...(draft.state.hasTrained ? {} : { startUpdate: checkpoint?.update ?? 0 }),
    expectedProgram: settings.allowNumbers ? '' : programHash,
    saving: { ...saving, last: checkpoint, kept: [...kept].sort((a, b) => a - b) },
  });
  if (checkpoint === null || checkpoint.update < totalUpdates(draft.state)) {
    tryAssign(draft, nowMs);
    return;
  }
  for (const member of draft.state.members) send(draft, member, { kind: 'bye' });
  patch(draft, { stage: 'ending' });
  finish(draft, resultOf(draft.state));
}

function onMessage(draft: Draft, event: Extract<CoordinatorEvent, { type: 'message' }>): void {
  const { peer, envelope, nowMs, freshId } = event;
  const member = memberByPeer(draft.state, peer);
  if (envelope.body.kind === 'hello') {
    if (member !== undefined) {
      drop(draft);
      return;
    }
    forgetFormer(draft, envelope.body);
    if (draft.state.stage === 'ending') {
      send(draft, { peer, worker: '' }, { kind: 'bye' });
      return;
    }
    onHello(draft, envelope.body, { peer, freshId, nowMs });
    return;
  }
  if (member === undefined || isStale(draft.state, envelope)) {
    drop(draft);
    // Somebody who was taken for lost, or was a member of the coordinator before: it may come in again.
    const isOurs = envelope.runId === draft.state.settings.runId && envelope.body.kind === 'heartbeat';
    if (member === undefined && isOurs) send(draft, { peer, worker: '' }, { kind: 'rejoin' });
    return;
  }
  const isPresent = envelope.generation === draft.state.generation;
  const heard = isPresent ? Math.max(member.update, envelope.update) : member.update;
  const update = Math.min(totalUpdates(draft.state), heard);
  patchMember(draft, member.worker, { lastSeenMs: nowMs, update });
  onMemberMessage(draft, { ...member, update }, envelope, nowMs);
}

/**
 * It lost the connection and comes back on a new one before its lease is over. While it waits it says Hello again and again:
 * of an earlier one, whose answer it never had, it knows no session. A local worker's last process may have said Hello just
 * before it was killed: the newest counts.
 */
function forgetFormer(draft: Draft, hello: Hello): void {
  const { formerSession, worker, host, pid } = hello;
  const isChild = isOwnChild(draft.state, hello);
  const isSame = (member: MemberState): boolean =>
    member.session === formerSession ||
    (member.worker === worker && ((member.host === host && member.pid === pid) || (member.local && isChild)));
  const former = draft.state.members.find(isSame);
  if (former === undefined) return;
  const reason = 'it lost the connection and comes back';
  if (!former.local) loseMember(draft, former, reason);
  // Its process goes on: it is not started again.
  else if (isChild) releaseMember(draft, former, reason);
}

function isStale({ settings, generation, stage }: CoordinatorState, envelope: Envelope): boolean {
  const { kind } = envelope.body;
  if (envelope.runId !== settings.runId || envelope.generation > generation) return true;
  if (OF_A_GENERATION.has(kind) && envelope.generation !== generation) return true;
  if (OF_MEASURING.has(kind)) return stage !== 'training' && stage !== 'pausing';
  if (kind === 'stateChunk') return stage !== 'training' && stage !== 'preparing';
  return OF_TRAINING.has(kind) && stage !== 'training';
}

function onMemberMessage(draft: Draft, member: MemberState, { body }: Envelope, nowMs: number): void {
  switch (body.kind) {
    case 'heartbeat':
      onHeartbeat(draft, member, body, nowMs);
      admit(draft, nowMs);
      return;
    case 'metrics':
      onMetrics(draft, member, body, nowMs);
      return;
    case 'joined':
      onJoined(draft, member, body, nowMs);
      return;
    case 'ready':
      if (!refusesProgram(draft, member, body)) onReady(draft, member, body, nowMs);
      letLeaversGo(draft);
      return;
    case 'stateChunk':
      onStateChunk(draft, member, body);
      return;
    case 'stateHash':
      onStateHash(draft, member, body);
      return;
    case 'unreached':
      onUnreached(draft, member, body, nowMs);
      return;
    case 'samples':
      onSamples(draft, member, body);
      return;
    case 'stopped':
      onStopped(draft, member, body);
      return;
    case 'done':
      onDone(draft, member, body, nowMs);
      return;
    case 'failure':
      onFailure(draft, member, body, nowMs);
      return;
    case 'leave':
      onLeave(draft, member, body);
      return;
    case 'paused':
      onPaused(draft, member, body, nowMs);
      return;
    case 'stateReceived':
      return;
    default:
      // What only a coordinator says: no worker of this version sends it.
      drop(draft);
      return;
  }
}
