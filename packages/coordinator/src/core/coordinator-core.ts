import type { Envelope, MessageKind } from '@gantry/common';
import { assertNever } from '@gantry/common';
import { onMetrics, onSamples } from './commit.js';
import type { CoordinatorEvent, Effect } from './events.js';
import { becomeFailed } from './failure.js';
import { onChildExit, onChildStopped, onDisconnected, onFailure, onHeartbeat, onTick } from './liveness.js';
import { onHello, onJoined, onReady, tryAssign } from './membership.js';
import { onCheckpointSaved, onStateChunk } from './saving.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { drop, memberByPeer, patch, patchMember, send } from './state.js';
import { finish, onDone, onLeave, onStop, onStopped, resultOf, totalUpdates } from './stopping.js';

/** Messages that belong to one membership: those of another generation are dropped. */
const OF_A_GENERATION: ReadonlySet<MessageKind> = new Set<MessageKind>([
  'ready',
  'metrics',
  'stateChunk',
  'stateReceived',
  'samples',
  'stopped',
  'done',
]);
/** Messages that mean something only while updates are made. */
const OF_TRAINING: ReadonlySet<MessageKind> = new Set<MessageKind>([
  'metrics',
  'stateChunk',
  'samples',
  'stopped',
  'done',
]);

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

/** Where training goes on. A run that has all its steps already is over. */
function onRestored(draft: Draft, event: Extract<CoordinatorEvent, { type: 'restored' }>): void {
  const { checkpoint, programHash, kept, nowMs } = event;
  const { saving, settings } = draft.state;
  patch(draft, {
    restored: true,
    startUpdate: checkpoint?.update ?? 0,
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
    if (draft.state.stage === 'ending') {
      send(draft, { peer, worker: '' }, { kind: 'bye' });
      return;
    }
    onHello(draft, envelope.body, { peer, freshId, nowMs });
    return;
  }
  if (member === undefined || isStale(draft.state, envelope)) {
    drop(draft);
    return;
  }
  const update = Math.min(totalUpdates(draft.state), Math.max(member.update, envelope.update));
  patchMember(draft, member.worker, { lastSeenMs: nowMs, update });
  onMemberMessage(draft, { ...member, update }, envelope, nowMs);
}

function isStale({ settings, generation, stage }: CoordinatorState, envelope: Envelope): boolean {
  const { kind } = envelope.body;
  if (envelope.runId !== settings.runId || envelope.generation > generation) return true;
  if (OF_A_GENERATION.has(kind) && envelope.generation !== generation) return true;
  return OF_TRAINING.has(kind) && stage !== 'training';
}

function onMemberMessage(draft: Draft, member: MemberState, { body }: Envelope, nowMs: number): void {
  switch (body.kind) {
    case 'heartbeat':
      onHeartbeat(draft, member, body, nowMs);
      return;
    case 'metrics':
      onMetrics(draft, member, body, nowMs);
      return;
    case 'joined':
      onJoined(draft, member, body, nowMs);
      return;
    case 'ready':
      onReady(draft, member, body, nowMs);
      return;
    case 'stateChunk':
      onStateChunk(draft, member, body);
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
    case 'stateReceived':
      return;
    default:
      // What only a coordinator says: no worker of this version sends it.
      drop(draft);
      return;
  }
}
