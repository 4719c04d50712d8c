import type { StateChunk } from '@gantry/common';
import { PENDING_SAVES_MAX, STATE_BYTES_MAX } from './constants.js';
import type { CheckpointRecord } from './events.js';
import { becomeFailed, nameOf, whereabouts } from './failure.js';
import { journalRecord } from './journal.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { drop, leader, patch, send, updatesPerStep } from './state.js';
import { maybeEnd, totalUpdates } from './stopping.js';
import { saveVerified } from './verification.js';

/** Steps whose checkpoints go when only `saved`, just written, and the newest others up to `keep` (at least one) in all stay. */
export function expired(steps: readonly number[], saved: number, keep: number): number[] {
  const others = [...new Set(steps)].filter((step) => step !== saved).sort((a, b) => a - b);
  return others.slice(0, Math.max(0, others.length + 1 - Math.max(1, keep)));
}

/** The next piece of the leader's state; the last one orders the checkpoint to be written, as soon as it is verified. */
export function onStateChunk(draft: Draft, member: MemberState, chunk: StateChunk): void {
  if (isRepeated(draft.state, chunk)) {
    drop(draft);
    return;
  }
  const problem = chunkProblem(draft.state, member, chunk);
  if (problem !== null) {
    const message = `${nameOf(member)} sent a piece of its state that ${problem}`;
    becomeFailed(draft, 'GANTRY_PROTOCOL_INVALID', message, whereabouts(member));
    return;
  }
  const { stateUpdate: update, offset, totalBytes, data } = chunk;
  draft.effects.push({ type: 'storeChunk', update, offset, totalBytes, data });
  const nextOffset = offset + data.length;
  const { saving, relay, generation } = draft.state;
  if (nextOffset < totalBytes) {
    patch(draft, { saving: { ...saving, assembly: { update, nextOffset, totalBytes } } });
    return;
  }
  if (relay !== null) {
    patch(draft, { relay: null, saving: { ...saving, assembly: null } });
    const { peers } = relay;
    draft.effects.push({ type: 'relayState', update, stateSha256: chunk.sha256, generation, peers });
    return;
  }
  patch(draft, { saving: { ...saving, assembly: null, received: update } });
  saveVerified(draft, {
    update,
    step: update / updatesPerStep(draft.state),
    stateSha256: chunk.sha256,
    programHash: member.programHash,
    stateLayoutJson: draft.state.stateLayoutJson,
  });
}

/** A piece that is there already: of the state that is coming, of one that has come, or of the one that was relayed. */
function isRepeated(state: CoordinatorState, { stateUpdate, offset, data }: StateChunk): boolean {
  const { saving, relay, stage, stopsAt, startUpdate } = state;
  const { assembly, received } = saving;
  if (assembly?.update === stateUpdate && data.length > 0 && offset + data.length <= assembly.nextOffset) return true;
  if (relay !== null) return false;
  if (received !== null && stateUpdate <= received) return true;
  // The state that a generation begins with is saved only where it ends with it.
  const isSaved = stage === 'training' && (stopsAt === startUpdate || startUpdate >= totalUpdates(state));
  return stateUpdate === startUpdate && !isSaved;
}

/** Which rule a chunk breaks; null: none. */
function chunkProblem(state: CoordinatorState, member: MemberState, chunk: StateChunk): string | null {
  const { assembly, writing } = state.saving;
  const { relay, verification } = state;
  const sender = relay === null ? leader(state).worker : relay.source;
  if (member.worker !== sender || (relay === null && state.stage !== 'training')) return 'was not asked for';
  // A coordinator that was restarted has heard of no layout yet when a member that came back with the state sends it.
  const unheard = state.stateBytes === 0 && relay !== null ? chunk.totalBytes : state.stateBytes;
  const totalBytes = assembly?.totalBytes ?? unheard;
  if (chunk.totalBytes !== totalBytes || chunk.totalBytes > STATE_BYTES_MAX) {
    return `claims ${chunk.totalBytes} bytes; its layout has ${totalBytes}`;
  }
  if (relay !== null && chunk.stateUpdate !== relay.update)
    return `is of update ${chunk.stateUpdate}, not ${relay.update}`;
  if (relay === null && chunk.stateUpdate % updatesPerStep(state) !== 0)
    return `is of update ${chunk.stateUpdate}, which ends no step`;
  const pending = writing.length + verification.unsaved.length;
  if (assembly === null && pending >= PENDING_SAVES_MAX) return 'comes before the ones before it are written';
  if (assembly !== null && assembly.update !== chunk.stateUpdate) {
    return `is of update ${chunk.stateUpdate} in the middle of update ${assembly.update}`;
  }
  const expected = assembly?.nextOffset ?? 0;
  if (chunk.offset !== expected) return `begins at byte ${chunk.offset}; ${expected} is expected`;
  if (chunk.data.length === 0) return 'is empty';
  const end = chunk.offset + chunk.data.length;
  if (end > chunk.totalBytes) return `ends at byte ${end} of ${chunk.totalBytes}`;
  if (end === chunk.totalBytes && chunk.sha256 === '') return 'is the last and carries no SHA-256';
  return null;
}

/** A checkpoint is on the disk for good: now, not before, it is promised, and older ones may go. */
export function onCheckpointSaved(draft: Draft, checkpoint: CheckpointRecord): void {
  const { saving, settings, lastTickMs } = draft.state;
  const all = [...saving.kept.filter((step) => step !== checkpoint.step), checkpoint.step].sort((a, b) => a - b);
  const gone = expired(all, checkpoint.step, settings.config.checkpointKeep);
  patch(draft, {
    saving: {
      ...saving,
      // Another one of the same update may be behind it: training went back, and came there again.
      writing: saving.writing.toSpliced(saving.writing.indexOf(checkpoint.update), 1),
      writtenMs: lastTickMs,
      last: checkpoint,
      kept: all.filter((step) => !gone.includes(step)),
    },
  });
  draft.effects.push({ type: 'journal', record: journalRecord(draft.state), first: false });
  if (draft.state.stage === 'training') {
    send(draft, leader(draft.state), { kind: 'stateReceived', stateUpdate: checkpoint.update });
  }
  draft.effects.push({ type: 'emit', event: { event: 'checkpoint', ...checkpoint } });
  if (gone.length > 0) draft.effects.push({ type: 'deleteCheckpoints', steps: gone });
  maybeEnd(draft);
}
