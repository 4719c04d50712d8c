import type { ErrorCode, Hello, Joined, Ready } from '@gantry/common';
import { GANTRY_VERSION, PROTOCOL_VERSION } from '@gantry/common';
import { assignmentOrder, assignShards, sharedMemoryName, stateHolders, toWire } from './assignment.js';
import { HEARTBEATS_PER_LEASE, REFUSALS_TOLD } from './constants.js';
import { becomeFailed, nameOf, whereabouts } from './failure.js';
import { journalRecord } from './journal.js';
import { initialMetrics } from './metrics.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { leader, patch, patchMember, send, summarize, updatesPerStep } from './state.js';

/** Where a Hello came from and when. */
interface Caller {
  readonly peer: string;
  readonly freshId: string;
  readonly nowMs: number;
}

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Takes a worker in, or tells it why not. A refused local worker ends the run: it cannot begin without it. */
export function onHello(draft: Draft, hello: Hello, caller: Caller): void {
  const { settings } = draft.state;
  const local = isOwnChild(draft.state, hello);
  const refusal = refuse(draft.state, hello, local);
  if (refusal !== null) {
    send(draft, { peer: caller.peer, worker: hello.worker }, { kind: 'refused', ...refusal });
    tellRefusal(draft, `refused ${hello.worker || 'a worker'}: ${refusal.message}`);
    if (local)
      becomeFailed(draft, refusal.code, `${hello.worker} was refused: ${refusal.message}`, { worker: hello.worker });
    return;
  }
  const member = newMember(draft.state, hello, { ...caller, local });
  patch(draft, { members: [...draft.state.members, member] });
  const { config } = settings;
  send(draft, member, {
    kind: 'welcome',
    worker: member.worker,
    session: member.session,
    runConfigJson: JSON.stringify(config),
    heartbeatMs: Math.max(1, Math.floor(config.leaseMs / HEARTBEATS_PER_LEASE)),
    leaseMs: config.leaseMs,
    modelPath: config.model ?? '',
  });
  const { worker, host, pid } = member;
  draft.effects.push({ type: 'emit', event: { event: 'joined', worker, host, pid } });
}

/** The first few are told, so that a stranger who tries again and again does not fill the log. */
function tellRefusal(draft: Draft, message: string): void {
  const refused = draft.state.refused + 1;
  patch(draft, { refused });
  if (refused > REFUSALS_TOLD) return;
  const last = refused === REFUSALS_TOLD ? '; further refusals are not told' : '';
  draft.effects.push({ type: 'log', message: `${message}${last}` });
}

/** Compares without telling by its time how much was right. */
function sameSecret(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % Math.max(1, b.length));
  return difference === 0;
}

function isOwnChild({ settings }: CoordinatorState, hello: Hello): boolean {
  const own = settings.localWorkers.includes(hello.worker) || hello.worker === settings.hub;
  return own && hello.launchToken !== '' && sameSecret(hello.launchToken, settings.launchToken);
}

/** Why a worker cannot take part; null: it can. */
function refuse(state: CoordinatorState, hello: Hello, local: boolean): Refusal | null {
  return versionRefusal(hello) ?? identityRefusal(state, hello, local) ?? placeRefusal(state, hello, local);
}

function versionRefusal(hello: Hello): Refusal | null {
  if (hello.protocolVersion === PROTOCOL_VERSION && hello.gantryVersion === GANTRY_VERSION) return null;
  return {
    code: 'GANTRY_VERSION_MISMATCH',
    message:
      `the worker is Gantry ${hello.gantryVersion} (protocol ${hello.protocolVersion}), the coordinator is ` +
      `Gantry ${GANTRY_VERSION} (protocol ${PROTOCOL_VERSION}); install the same version on both`,
  };
}

function identityRefusal({ settings, members }: CoordinatorState, hello: Hello, local: boolean): Refusal | null {
  if (hello.launchToken !== '' && !local) {
    return {
      code: 'GANTRY_PROTOCOL_INVALID',
      message: 'the launch token is not of this run; start the worker without one',
    };
  }
  const reserved = settings.localWorkers.includes(hello.worker) || hello.worker === settings.hub;
  if ((reserved && !local) || members.some(({ worker }) => worker === hello.worker && worker !== '')) {
    return { code: 'GANTRY_USAGE', message: `a worker named ${hello.worker} takes part already; choose another name` };
  }
  return null;
}

function placeRefusal({ settings, members, stage }: CoordinatorState, hello: Hello, local: boolean): Refusal | null {
  const { config, localWorkers, hub } = settings;
  if (stage !== 'gathering') {
    return { code: 'GANTRY_USAGE', message: 'the run has begun; a worker can join only before it does' };
  }
  if (hello.hub)
    return hello.worker === hub && local
      ? null
      : { code: 'GANTRY_USAGE', message: 'this run needs no hub from outside' };
  const others = members.filter((member) => !member.hub && !member.local).length;
  if (!local && others >= config.workers - localWorkers.length) {
    return { code: 'GANTRY_USAGE', message: `the run has all of its ${config.workers} workers` };
  }
  const elsewhere = members.find(({ host }) => host !== hello.host);
  if (config.transport !== 'tcp' && elsewhere !== undefined) {
    const message = `transport ${config.transport} works within one host; this worker is on ${hello.host}, ${elsewhere.worker} on ${elsewhere.host}: use --transport tcp`;
    return { code: 'GANTRY_TRANSPORT_FAILED', message };
  }
  return null;
}

function newMember(state: CoordinatorState, hello: Hello, caller: Caller & { local: boolean }): MemberState {
  return {
    worker: hello.worker === '' ? freeName(state) : hello.worker,
    host: hello.host,
    pid: hello.pid,
    hub: hello.hub,
    local: caller.local,
    peer: caller.peer,
    session: caller.freshId,
    status: 'greeted',
    dataEndpoint: '',
    dataKey: '',
    shards: [],
    device: '',
    deviceReason: '',
    engine: '',
    threads: 0,
    programHash: '',
    stateSha256: '',
    update: 0,
    lastSeenMs: caller.nowMs,
    phase: 'starting',
    workingUpdate: 0,
    progress: 0,
    phaseSinceMs: caller.nowMs,
    doneUpdate: 0,
  };
}

function freeName({ settings, members }: CoordinatorState): string {
  const taken = new Set([...settings.localWorkers, ...members.map(({ worker }) => worker)]);
  let number = 0;
  while (taken.has(`worker-${number}`)) number++;
  return `worker-${number}`;
}

export function onJoined(draft: Draft, member: MemberState, joined: Joined, nowMs: number): void {
  if (joined.session !== member.session || member.status !== 'greeted') return;
  const { transport } = draft.state.settings.config;
  if (transport !== 'shm' && joined.dataEndpoint === '') {
    const problem = `${nameOf(member)} joined without a data endpoint, which transport ${transport} needs`;
    becomeFailed(draft, 'GANTRY_PROTOCOL_INVALID', problem, whereabouts(member));
    return;
  }
  patchMember(draft, member.worker, { status: 'joined', dataEndpoint: joined.dataEndpoint, dataKey: joined.dataKey });
  tryAssign(draft, nowMs);
}

/** Assigns as soon as everyone is there and it is known where training goes on. */
export function tryAssign(draft: Draft, nowMs: number): void {
  const { members, settings, stage, restored } = draft.state;
  if (stage !== 'gathering' || !restored) return;
  const wanted = settings.config.workers + (settings.hub === null ? 0 : 1);
  if (members.length < wanted || members.some(({ status }) => status !== 'joined')) return;
  becomePreparing(draft, nowMs);
}

/** Opens the next generation: fixes members and shards, writes that down, tells everyone. */
function becomePreparing(draft: Draft, nowMs: number): void {
  const { config, runId } = draft.state.settings;
  const members = assignShards(assignmentOrder(draft.state.members), config.shards).map(
    (member): MemberState => ({ ...member, status: 'assigned', phaseSinceMs: nowMs, update: draft.state.startUpdate }),
  );
  const generation = draft.state.generation + 1;
  patch(draft, { stage: 'preparing', generation, members });
  draft.effects.push({ type: 'journal', record: journalRecord(draft.state), first: true });
  const { startUpdate, saving } = draft.state;
  const wire = members.map(toWire);
  for (const member of members) {
    send(draft, member, {
      kind: 'assignment',
      generation,
      members: wire,
      sharedMemory: config.transport === 'shm' ? sharedMemoryName({ runId, generation }, members, member.host) : '',
      startUpdate,
      stateFollows: startUpdate > 0,
      stateSha256: startUpdate > 0 ? (saving.last?.stateSha256 ?? '') : '',
    });
  }
  if (startUpdate === 0) return;
  for (const { peer, worker } of stateHolders(members, config.transport)) {
    draft.effects.push({ type: 'sendState', peer, worker, generation });
  }
}

/** A member has compiled and holds the state; the last one starts the training. */
export function onReady(draft: Draft, member: MemberState, ready: Ready, nowMs: number): void {
  if (ready.session !== member.session || ready.generation !== draft.state.generation) return;
  if (member.status !== 'assigned') return;
  const { device, deviceReason, engine, threads, programHash, stateSha256 } = ready;
  const told = { device, deviceReason, engine, threads, programHash, stateSha256 };
  patchMember(draft, member.worker, { status: 'ready', ...told });
  if (member.worker === leader(draft.state).worker && !takeLayout(draft, ready.stateLayoutJson)) return;
  const mismatch = findMismatch(draft.state);
  if (mismatch !== null) {
    becomeFailed(draft, 'GANTRY_PROGRAM_MISMATCH', mismatch);
    return;
  }
  if (draft.state.members.every(({ status }) => status === 'ready')) becomeTraining(draft, nowMs);
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
  const expected = state.startUpdate > 0 ? state.saving.last?.stateSha256 : ready[0]?.stateSha256;
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

function becomeTraining(draft: Draft, nowMs: number): void {
  const { generation, settings, startUpdate } = draft.state;
  patch(draft, {
    stage: 'training',
    metrics: initialMetrics(startUpdate / updatesPerStep(draft.state)),
    // A hub or a fast worker has waited; its turn begins now.
    members: draft.state.members.map((member) => ({ ...member, status: 'training', phaseSinceMs: nowMs })),
  });
  for (const member of draft.state.members) send(draft, member, { kind: 'start', generation });
  draft.effects.push({
    type: 'emit',
    event: {
      event: 'ready',
      generation,
      members: draft.state.members.map(summarize),
      startupMs: nowMs - settings.startedMs,
    },
  });
}
