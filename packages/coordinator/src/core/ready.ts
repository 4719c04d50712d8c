import type { Ready } from '@gantry/common';
import { dismiss } from './dismiss.js';
import { becomeFailed, nameOf } from './failure.js';
import { rememberLinks, summarizeNetwork } from './links.js';
import { compares } from './replicas.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { activeMembers, isActive, leader, patch, patchMember, send, summarize } from './state.js';
import { verifyStart } from './verification.js';

/** A member has compiled and holds the state; the last one starts the training. */
export function onReady(draft: Draft, member: MemberState, ready: Ready, nowMs: number): void {
  if (ready.session !== member.session || ready.generation !== draft.state.generation) return;
  if (member.status !== 'assigned') return;
  const { device, deviceReason, engine, threads, programHash, stateSha256, network, topology } = ready;
  const told = { device, deviceReason, engine, threads, programHash, stateSha256, network, topology };
  patchMember(draft, member.worker, { status: 'ready', ...told });
  if (member.worker === leader(draft.state).worker && !takeLayout(draft, ready.stateLayoutJson)) return;
  const mismatch = findMismatch(draft.state);
  if (mismatch !== null) {
    becomeFailed(draft, 'GANTRY_PROGRAM_MISMATCH', mismatch);
    return;
  }
  const isComplete = activeMembers(draft.state).every(({ status }) => status === 'ready');
  if (isComplete && verifyStart(draft)) becomeTraining(draft, nowMs);
}

/** Only the size is needed here; the shell reads the rest when it writes a checkpoint. */
function takeLayout(draft: Draft, stateLayoutJson: string): boolean {
  try {
    const { length } = JSON.parse(stateLayoutJson) as { length?: unknown };
    if (!Number.isSafeInteger(length) || (length as number) < 1) throw new Error('length');
    patch(draft, { stateLayoutJson, stateBytes: (length as number) * Float32Array.BYTES_PER_ELEMENT });
    return true;
  } catch {
    becomeFailed(draft, 'GANTRY_PROTOCOL_INVALID', 'the leader sent no valid layout of the state');
    return false;
  }
}

/** Two ready members that would not train the same thing. */
function findMismatch(state: CoordinatorState): string | null {
  const ready = state.members.filter(({ status }) => status === 'ready');
  const trainers = ready.filter(({ hub }) => !hub);
  for (const member of trainers) {
    const first = trainers[0]!;
    if (member.programHash === first.programHash) continue;
    return (
      `${nameOf(first)} and ${nameOf(member)} compiled different programs (${first.programHash.slice(0, 12)}, ` +
      `${member.programHash.slice(0, 12)}): the same model file, versions and kind of device are needed everywhere`
    );
  }
  const changed = trainers.find(({ programHash }) => ![programHash, ''].includes(state.expectedProgram));
  if (changed !== undefined) return programChanged(state.expectedProgram, changed);
  // Of states that were held one may have been damaged, which is healed when all are known.
  if (compares(state) && activeMembers(state).some(({ place }) => place === 'copied')) return null;
  const isSaved = state.startUpdate > 0 && state.saving.last?.update === state.startUpdate;
  const expected = isSaved ? state.saving.last?.stateSha256 : ready[0]?.stateSha256;
  const other = ready.find(({ stateSha256 }) => stateSha256 !== expected);
  if (other === undefined) return null;
  return `${nameOf(other)} begins with state ${other.stateSha256.slice(0, 12)}, ${expected?.slice(0, 12)} is expected: its definition or its copy differs`;
}

/** The model file, the versions or the device are others than at the checkpoint: it would train on as something else. */
function programChanged(before: string, member: MemberState): string {
  return (
    `${nameOf(member)} compiled other programs (${member.programHash.slice(0, 12)}) than the checkpoint was trained with ` +
    `(${before.slice(0, 12)}): the model file, the version of Gantry or its engine, or the kind of device has changed since. ` +
    'Restore it, or add --resume-with-changes if it need not be bit for bit the undisturbed run'
  );
}

/**
 * Whether the memory that it shared with others of its host, with the state of a generation before, is no more: those of them who
 * train now have given it back. Where none of them does, it still holds what it held.
 */
function isGivenBack(state: CoordinatorState, { host }: MemberState): boolean {
  if (state.settings.config.transport !== 'shm') return false;
  return activeMembers(state).some((one) => one.host === host && one.heldGeneration > 0);
}

function becomeTraining(draft: Draft, nowMs: number): void {
  const { generation, stop, startUpdate, settings } = draft.state;
  const members = activeMembers(draft.state);
  rememberLinks(draft);
  patch(draft, {
    stage: 'training',
    hasTrained: true,
    trainedGeneration: generation,
    strayedMs: null,
    trainingSinceMs: nowMs,
    // Who comes later trains the same, or is refused.
    expectedProgram: members.find(({ hub }) => !hub)!.programHash,
    // A hub or a fast worker has waited; its turn begins now.
    members: draft.state.members.map((member): MemberState => {
      if (isActive(member)) return { ...member, status: 'training', phaseSinceMs: nowMs };
      return isGivenBack(draft.state, member) ? { ...member, heldGeneration: 0, heldUpdate: 0 } : member;
    }),
  });
  for (const member of members) send(draft, member, { kind: 'start', generation });
  draft.effects.push({
    type: 'emit',
    event: {
      event: 'ready',
      generation,
      update: startUpdate,
      members: members.map(summarize),
      network: summarizeNetwork(draft.state),
      startupMs: nowMs - settings.startedMs,
    },
  });
  if (stop !== 'none') send(draft, leader(draft.state), { kind: 'stopRequest', save: true });
  // The others hold the state now: whoever was asked to leave may go.
  for (const member of draft.state.members) if (member.leaving && !isActive(member)) dismiss(draft, member);
}
