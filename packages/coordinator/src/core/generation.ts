import { assignmentOrder, assignShards, heldState, placesOf, sharedMemoryName, toWire } from './assignment.js';
import { JOIN_LEASE_PART, JOIN_LEASES, RETURN_LEASES } from './constants.js';
import { dismiss } from './dismiss.js';
import { journalRecord } from './journal.js';
import { knownCosts } from './links.js';
import { initialMetrics, resumeMetrics } from './metrics.js';
import { shardsOfWorkers } from './shares.js';
import { hasRoomForLeader, tellDiskAwaited } from './slow-disk.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { activeMembers, holdsLastState, isActive, patch, send, updatesPerStep } from './state.js';
import { countStrikes } from './strikes.js';

/** Who may take part in the next generation. Before the first one a worker may still be loading what it needs. */
function candidates(state: CoordinatorState): MemberState[] {
  const { members, hasTrained, stop, stage } = state;
  const here = members.filter(({ status, phase, heldGeneration }) => {
    // Whoever holds a state has loaded everything before.
    const isLoaded = !hasTrained || phase === 'ready' || heldGeneration > 0;
    return status === 'paused' || (status === 'joined' && isLoaded);
  });
  const staying = here.filter(({ leaving, hub }) => !leaving || hub);
  // Where everybody was asked to leave, they save together what they have.
  if (stage !== 'training' && !staying.some(({ hub }) => !hub)) return stop === 'none' ? staying : here;
  // Who alone holds the state hands it on before it goes.
  return [...here.filter((member) => member.leaving && holdsLastState(state, member)), ...staying];
}

/** Whether somebody waits to take part who would be given shards. */
function hasNewcomer(state: CoordinatorState): boolean {
  const { maxWorkers } = state.settings.config;
  if (state.stop !== 'none' || activeMembers(state).filter(({ hub }) => !hub).length >= maxWorkers) return false;
  return candidates(state).some(({ hub }) => !hub);
}

/**
 * Whether training stops for those who wait to take part. A change of members costs a moment in which nothing is computed, whoever
 * comes: they come in together, and training goes on while the first wait for the last.
 */
export function isTimeToAdmit(state: CoordinatorState, nowMs: number): boolean {
  if (!hasNewcomer(state) || !hasRoomForLeader(state)) return false;
  const { maxWorkers, leaseMs } = state.settings.config;
  if (nowMs - state.trainingSinceMs < JOIN_LEASE_PART * leaseMs) return false;
  const workers = state.members.filter(({ hub, leaving }) => !hub && !leaving);
  const newcomers = candidates(state).filter(({ hub }) => !hub);
  const isFull = activeMembers(state).filter(({ hub }) => !hub).length + newcomers.length >= maxWorkers;
  const areOthersLoading = workers.some((member) => !isActive(member) && !newcomers.includes(member));
  const waitedMs = nowMs - Math.min(...newcomers.map(({ phaseSinceMs }) => phaseSinceMs));
  return isFull || !areOthersLoading || waitedMs >= JOIN_LEASES * leaseMs;
}

/** Fewest workers that the next generation needs. */
function workersNeeded(state: CoordinatorState, nowMs: number): number {
  const { settings, hasTrained, members, stop } = state;
  const { minWorkers } = settings.config;
  const workers = workersExpected(state);
  // What there is shall be saved, by whoever is there.
  if (stop !== 'none') return 1;
  if (hasTrained) return minWorkers;
  const isHeld = members.some(({ heldGeneration }) => heldGeneration > 0);
  const awaited = formerAwaited(state, nowMs);
  if (awaited.length === 0) return isHeld ? minWorkers : workers;
  // However many others have come: the state is with the former ones, if it is anywhere.
  return isHeld ? Math.max(workers, formerWorkers(settings)?.length ?? 0) : Number.POSITIVE_INFINITY;
}

/** As many as there should be at the start; who is not started again is not waited for. */
function workersExpected({ settings, processes }: CoordinatorState): number {
  const { workers, minWorkers } = settings.config;
  const givenUp = settings.localWorkers.filter((worker) => processes.get(worker)!.over).length;
  return Math.max(minWorkers, workers - givenUp);
}

/** The hub that took part before ended with its coordinator. */
function formerWorkers({ formerMembers, hub }: CoordinatorState['settings']): readonly string[] | null {
  return formerMembers?.filter((name) => name !== hub) ?? null;
}

/** After a restart of the coordinator: whoever holds the state comes back within moments, or not at all. */
export function formerAwaited({ settings, members }: CoordinatorState, nowMs: number): string[] {
  if (nowMs - settings.startedMs >= RETURN_LEASES * settings.config.leaseMs) return [];
  const former = formerWorkers(settings);
  if (former === null) return ['its former workers'];
  return former.filter((name) => !members.some(({ worker }) => worker === name));
}

/** Opens the next generation as soon as enough workers are there and it is known where training goes on. */
export function tryAssign(draft: Draft, nowMs: number): void {
  const { settings, stage, restored, members, hasTrained } = draft.state;
  if (stage !== 'gathering' || !restored) return;
  const ready = candidates(draft.state);
  const workers = ready.filter(({ hub }) => !hub).slice(0, settings.config.maxWorkers);
  const hubs = ready.filter(({ hub }) => hub);
  const lacksHub = settings.hub !== null && hubs.length === 0;
  if (workers.length < workersNeeded(draft.state, nowMs) || lacksHub) {
    if (hasTrained) tellWaiting(draft, workers.length);
    else if (workers.length >= workersExpected(draft.state)) tellReturning(draft, nowMs);
    dismissLeavers(draft);
    return;
  }
  // At the start everybody who has said Hello is waited for; later, whoever may hold what nobody else has.
  const isHeld = isNewestHeld(draft.state, workers);
  if (!(hasTrained && isHeld) && members.some(({ status }) => status === 'greeted')) return;
  if (!isHeld && maybeReturning(draft.state, nowMs)) {
    tellStateAwaited(draft, 'for lost workers: nobody else has the state, and they may live');
    return;
  }
  if (!hasRoomForLeader(draft.state)) {
    tellDiskAwaited(draft);
    // Of those who stop the run somebody has to be there when there is room.
    if (draft.state.stop === 'none') dismissLeavers(draft);
    return;
  }
  becomePreparing(draft, [...workers, ...hubs], nowMs);
}

/** Whoever was asked to leave need not wait with the run, unless only it holds the state. */
function dismissLeavers(draft: Draft): void {
  for (const member of draft.state.members)
    if (member.leaving && !member.hub && !holdsLastState(draft.state, member)) dismiss(draft, member);
}

function tellWaiting(draft: Draft, workers: number): void {
  if (draft.state.toldWaiting === 'workers') return;
  patch(draft, { toldWaiting: 'workers' });
  const { config, hub } = draft.state.settings;
  const { minWorkers } = config;
  if (hub !== null && workers >= minWorkers) {
    draft.effects.push({ type: 'log', message: 'training waits for its hub, which is started again' });
    return;
  }
  const coming = draft.state.members.filter(({ hub }) => !hub).length - workers;
  const message = `training waits for workers: ${workers} of at least ${minWorkers} are there${coming > 0 ? `, ${coming} on the way` : ''}`;
  draft.effects.push({ type: 'log', message });
}

/** Whether one of them holds the state of the last generation that has trained. */
function isNewestHeld({ trainedGeneration }: CoordinatorState, workers: readonly MemberState[]): boolean {
  return workers.some(({ heldGeneration }) => heldGeneration >= trainedGeneration);
}

/** Whether somebody who was lost may still live, and come back with a state that can be relied on. */
function maybeReturning({ strayedMs, trainedGeneration, verification, settings }: CoordinatorState, nowMs: number) {
  if (strayedMs === null || verification.distrusted >= trainedGeneration) return false;
  return nowMs - strayedMs < RETURN_LEASES * settings.config.leaseMs;
}

/** There are enough, but they hold no state, and somebody may come back who does. */
function tellStateAwaited(draft: Draft, whom: string): void {
  if (draft.state.toldWaiting === 'state') return;
  patch(draft, { toldWaiting: 'state' });
  const seconds = (RETURN_LEASES * draft.state.settings.config.leaseMs) / 1000;
  draft.effects.push({ type: 'log', message: `training waits up to ${seconds} s ${whom}` });
}

function tellReturning(draft: Draft, nowMs: number): void {
  const awaited = formerAwaited(draft.state, nowMs);
  if (awaited.length === 0) return;
  tellStateAwaited(draft, `from the start for ${awaited.join(', ')}: who took part before may hold the state`);
}

/** Where the next generation begins, and where its state comes from. */
interface Origin {
  readonly update: number;
  readonly holders: ReadonlySet<string>;
  /** Where a replica has no holder. */
  readonly elsewhere: 'initial' | 'received';
}

/** Null: the checkpoint has to be read first. */
function originOf(draft: Draft, members: readonly MemberState[]): Origin | null {
  const { settings, saving, atHand } = draft.state;
  const held = heldState(members, settings.config.transport);
  const saved = saving.last?.update ?? 0;
  // One that is being written will be the newest, unless somebody holds more: it is waited for.
  if (saving.writing.some((update) => update > (held?.update ?? -1))) return null;
  if (held !== null && held.update >= saved) return { ...held, elsewhere: 'received' };
  if (saved === 0) return { update: 0, holders: new Set(), elsewhere: 'initial' };
  if (atHand === saved) return { update: saved, holders: new Set(), elsewhere: 'received' };
  patch(draft, { restored: false });
  draft.effects.push({ type: 'readCheckpoint' });
  return null;
}

/** Opens the next generation: fixes members and shards, writes that down, tells everyone. */
function becomePreparing(draft: Draft, chosen: readonly MemberState[], nowMs: number): void {
  const { config, runId } = draft.state.settings;
  const origin = originOf(draft, chosen);
  if (origin === null || !countStrikes(draft, origin)) return;
  const inOrder = assignmentOrder(chosen);
  const workers = inOrder.filter(({ hub }) => !hub);
  const ordered = assignShards(inOrder, shardsOfWorkers(config.shards, workers, config.balance));
  const places = placesOf(ordered, { ...origin, transport: config.transport });
  const members = ordered.map(
    (member, index): MemberState => ({
      ...member,
      status: 'assigned',
      phaseSinceMs: nowMs,
      update: origin.update,
      measured: 0,
      workingUpdate: origin.update,
      doneUpdate: 0,
      place: places[index]!,
    }),
  );
  const others = draft.state.members.filter(({ worker }) => !members.some((member) => member.worker === worker));
  // A journal whose end was lost with the machine's power knows an older one than its workers.
  const generation =
    Math.max(draft.state.generation, ...draft.state.members.map(({ heldGeneration }) => heldGeneration)) + 1;
  patch(draft, {
    stage: 'preparing',
    generation,
    members: [...members, ...others],
    startUpdate: origin.update,
    lostIn: new Map(),
    unreached: [],
    toldWaiting: 'nothing',
    allDoneMs: null,
  });
  rewind(draft);
  draft.effects.push({ type: 'journal', record: journalRecord(draft.state), first: true });
  const isSaved = origin.holders.size === 0 && origin.update > 0;
  const wire = members.map(toWire);
  const network = knownCosts(draft.state, members);
  for (const member of members) {
    send(draft, member, {
      kind: 'assignment',
      generation,
      members: wire,
      sharedMemory: config.transport === 'shm' ? sharedMemoryName({ runId, generation }, members, member.host) : '',
      startUpdate: origin.update,
      stateSha256: isSaved ? draft.state.saving.last!.stateSha256 : '',
      network,
    });
  }
  supply(draft, members, isSaved);
}

/** Sends the state to those that have none: from the checkpoint, or from a member by way of the coordinator. */
function supply(draft: Draft, members: readonly MemberState[], isSaved: boolean): void {
  const { generation, startUpdate } = draft.state;
  const peers = members.filter(({ place }) => place === 'received').map(({ peer, worker }) => ({ peer, worker }));
  patch(draft, { atHand: null, relay: null });
  if (peers.length === 0) return;
  if (isSaved) {
    for (const { peer, worker } of peers) draft.effects.push({ type: 'sendState', peer, worker, generation });
    return;
  }
  const source = members.find(({ place }) => place === 'copied')!;
  patch(draft, { relay: { source: source.worker, update: startUpdate, peers } });
  send(draft, source, { kind: 'stateRequest', stateUpdate: startUpdate });
}

/** Metrics go on behind the update that training goes on from. */
function rewind(draft: Draft): void {
  const { metrics, startUpdate, hasTrained, settings } = draft.state;
  const perStep = updatesPerStep(draft.state);
  const step = Math.floor(startUpdate / perStep);
  if (!hasTrained) {
    patch(draft, { metrics: initialMetrics(Math.ceil(startUpdate / perStep)) });
    if (settings.resume) draft.effects.push({ type: 'rewindMetrics', step });
    return;
  }
  if (step < metrics.nextStep) draft.effects.push({ type: 'rewindMetrics', step });
  // A step that was begun in the generation before has no row: its parts are not all told.
  const resumed = resumeMetrics(metrics, Math.ceil(startUpdate / perStep));
  patch(draft, { metrics: resumed.metrics });
  for (const row of resumed.finished) draft.effects.push({ type: 'metrics', row: { ...row, imagesPerSecond: 0 } });
}
