import type { StateHash } from '@gantry/common';
import { replicaOf } from './assignment.js';
import { UNVERIFIED_UPDATES_MAX } from './constants.js';
import { becomeDiverged } from './divergence.js';
import { becomeFailed, nameOf, whereabouts } from './failure.js';
import { compares, replicas } from './replicas.js';
import type { Draft, MemberState, UnverifiedSave, VerificationState } from './state.js';
import { patch } from './state.js';
import { totalUpdates } from './stopping.js';
import { patchVerification } from './trust.js';

type Told = VerificationState['told'];

/** One replica's hash of the state after an update; the last one's decides. */
export function onStateHash(draft: Draft, member: MemberState, { atUpdate, hash }: StateHash): void {
  const { verification, startUpdate, settings } = draft.state;
  const isOfRun = atUpdate >= startUpdate && atUpdate <= totalUpdates(draft.state);
  const hasRoom = verification.told.has(atUpdate) || verification.told.size < UNVERIFIED_UPDATES_MAX;
  if (!compares(draft.state) || !isOfRun || !hasRoom) {
    const problem = `${nameOf(member)} told the hash of update ${atUpdate}, for which nobody waits`;
    becomeFailed(draft, 'GANTRY_PROTOCOL_INVALID', problem, whereabouts(member));
    return;
  }
  if (atUpdate <= verification.update) return;
  const hashes = new Map(verification.told.get(atUpdate)).set(replicaOf(member, settings.config.transport), hash);
  patchVerification(draft, { told: new Map(verification.told).set(atUpdate, hashes) });
  const all = replicas(draft.state);
  if (hashes.size < all.size) return;
  if (isEqual(draft, atUpdate, { all, hashes })) becomeVerified(draft, atUpdate);
}

/** Whether all replicas have the same hash after `update`; heals what has diverged. */
function isEqual(
  draft: Draft,
  update: number,
  told: { readonly all: ReadonlyMap<string, MemberState>; readonly hashes: ReadonlyMap<string, string> },
): boolean {
  const different = new Set(outvoted(told.hashes));
  if (different.size === 0) return true;
  const suspects = [...told.all].filter(([replica]) => different.has(replica)).map(([, member]) => member);
  becomeDiverged(draft, update, { suspects, replicas: told.all.size });
  return false;
}

/** All replicas were equal after `update`: what was to be saved up to it is sound. */
function becomeVerified(draft: Draft, update: number): void {
  const { verification } = draft.state;
  const told: Told = new Map([...verification.told].filter(([at]) => at > update));
  const sound = verification.unsaved.filter((save) => save.update <= update);
  const unsaved = verification.unsaved.filter((save) => save.update > update);
  patchVerification(draft, { update, told, unsaved });
  for (const save of sound) write(draft, save);
}

/** A state of the leader is complete: it is written at once if replicas were compared after it, or else when they are. */
export function saveVerified(draft: Draft, save: UnverifiedSave): void {
  const { verification } = draft.state;
  if (save.update <= verification.update || !compares(draft.state)) write(draft, save);
  else patchVerification(draft, { unsaved: [...verification.unsaved, save] });
}

function write(draft: Draft, save: UnverifiedSave): void {
  const { saving } = draft.state;
  patch(draft, { saving: { ...saving, writing: [...saving.writing, save.update] } });
  draft.effects.push({ type: 'saveCheckpoint', ...save });
}

/** Whether all members have the same state at the start, by their SHA-256; heals what has diverged. */
export function verifyStart(draft: Draft): boolean {
  const { startUpdate } = draft.state;
  const all = replicas(draft.state);
  const hashes = new Map([...all].map(([replica, { stateSha256 }]) => [replica, stateSha256]));
  if (!isEqual(draft, startUpdate, { all, hashes })) return false;
  patchVerification(draft, { update: startUpdate, told: new Map() });
  return true;
}

/** The replicas that do not hold what most of them hold; all of them where there is no majority. */
export function outvoted(hashes: ReadonlyMap<string, string>): string[] {
  const counts = new Map<string, number>();
  for (const hash of hashes.values()) counts.set(hash, (counts.get(hash) ?? 0) + 1);
  const common = [...counts].find(([, count]) => 2 * count > hashes.size)?.[0];
  return [...hashes].filter(([, hash]) => hash !== common).map(([replica]) => replica);
}
