import type { Hello, Joined } from '@gantry/common';
import { GANTRY_VERSION, PROTOCOL_VERSION, UNMEASURED } from '@gantry/common';
import { claimsRefusal } from './claims.js';
import { HEARTBEATS_PER_LEASE } from './constants.js';
import { becomeFailed } from './failure.js';
import { tryAssign } from './generation.js';
import { reachRefusal } from './reach.js';
import { type Refusal, refuseMember, tellRefusal } from './refusal.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';
import { patch, patchMember, send } from './state.js';
import { isRemoved, trusted } from './trust.js';

/** Where a Hello came from and when. */
interface Caller {
  readonly peer: string;
  readonly freshId: string;
  readonly nowMs: number;
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

/** Compares without telling by its time how much was right. */
function sameSecret(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % Math.max(1, b.length));
  return difference === 0;
}

export function isOwnChild({ settings }: CoordinatorState, hello: Hello): boolean {
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

function identityRefusal(state: CoordinatorState, hello: Hello, local: boolean): Refusal | null {
  const { settings, members } = state;
  if (hello.launchToken !== '' && !local) {
    return {
      code: 'GANTRY_PROTOCOL_INVALID',
      message: 'the launch token is not of this run; start the worker without one',
    };
  }
  if (isRemoved(state, hello)) {
    const message = `${hello.worker} on ${hello.host} was removed from this run: its state differed from that of the others again and again; check the memory of that machine`;
    return { code: 'GANTRY_REPLICA_DIVERGED', message };
  }
  const reserved = settings.localWorkers.includes(hello.worker) || hello.worker === settings.hub;
  if ((reserved && !local) || members.some(({ worker }) => worker === hello.worker && worker !== '')) {
    return { code: 'GANTRY_USAGE', message: `a worker named ${hello.worker} takes part already; choose another name` };
  }
  return null;
}

function placeRefusal(state: CoordinatorState, hello: Hello, local: boolean): Refusal | null {
  const { settings, members, stage, processes } = state;
  const { config, localWorkers, hub } = settings;
  if (stage === 'failed') return { code: 'GANTRY_USAGE', message: 'the run has ended' };
  if (hello.hub)
    return hello.worker === hub && local
      ? null
      : { code: 'GANTRY_USAGE', message: 'this run needs no hub from outside' };
  // Who is about to leave, or is started no more, takes no place from whoever replaces it.
  const others = members.filter((member) => !member.hub && !member.local && !member.leaving).length;
  const own = localWorkers.filter((worker) => !processes.get(worker)!.over).length;
  if (!local && others >= config.maxWorkers - own) {
    const message = `the run has all the workers that it may have: ${config.maxWorkers} (--max-workers; at most one a shard)`;
    return { code: 'GANTRY_USAGE', message };
  }
  const elsewhere = members.find(({ host }) => host !== hello.host);
  const within = withinOneHost(settings);
  if (within !== null && elsewhere !== undefined) {
    const message = `${within} works within one host; this worker is on ${hello.host}, ${elsewhere.worker} on ${elsewhere.host}: use --transport tcp`;
    return { code: 'GANTRY_TRANSPORT_FAILED', message };
  }
  return null;
}

/** What keeps a run on one host, in words; null: nothing. */
function withinOneHost({ config, localWorkers }: CoordinatorState['settings']): string | null {
  const { transport, topology } = config;
  if (transport === 'tcp') return null;
  if (transport === 'ipc') return 'transport ipc';
  if (topology === 'star') return 'transport shm with topology star';
  // They have no data sockets.
  return localWorkers.length > 0 ? 'transport shm of gantry train' : null;
}

function newMember(state: CoordinatorState, hello: Hello, caller: Caller & { local: boolean }): MemberState {
  return {
    worker: hello.worker === '' ? freeName(state, hello.host) : hello.worker,
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
    speed: null,
    device: '',
    deviceReason: '',
    engine: '',
    threads: 0,
    programHash: '',
    stateSha256: '',
    network: UNMEASURED,
    topology: '',
    update: 0,
    measured: 0,
    lastSeenMs: caller.nowMs,
    phase: 'starting',
    workingUpdate: 0,
    progress: 0,
    phaseSinceMs: caller.nowMs,
    doneUpdate: 0,
    leaving: false,
    place: 'attached',
    heldGeneration: 0,
    heldUpdate: 0,
  };
}

function freeName(state: CoordinatorState, host: string): string {
  const { settings, members, losses } = state;
  // Who was lost, or took part before the coordinator was started again, may come back, and with it the state that it holds.
  const mayReturn = [...(settings.formerMembers ?? []), ...losses.map(({ worker }) => worker)];
  const taken = new Set([...settings.localWorkers, ...members.map(({ worker }) => worker), ...mayReturn]);
  let number = 0;
  const isFree = (worker: string): boolean => !taken.has(worker) && !isRemoved(state, { host, worker });
  while (!isFree(`worker-${number}`)) number++;
  return `worker-${number}`;
}

export function onJoined(draft: Draft, member: MemberState, joined: Joined, nowMs: number): void {
  if (joined.session !== member.session || member.status !== 'greeted') return;
  const refusal = claimsRefusal(draft.state, joined) ?? reachRefusal(draft.state, member, joined.dataEndpoint);
  if (refusal !== null) {
    refuseMember(draft, member, refusal);
    // Another one may have waited for its state.
    tryAssign(draft, nowMs);
    return;
  }
  const { dataEndpoint, dataKey } = joined;
  const held = trusted(draft.state, joined);
  patchMember(draft, member.worker, { status: 'joined', dataEndpoint, dataKey, ...held });
  // Where it is lost before anybody trains here, it is waited for as later.
  const { hasTrained, trainedGeneration } = draft.state;
  if (!hasTrained) patch(draft, { trainedGeneration: Math.max(trainedGeneration, held.heldGeneration) });
  tryAssign(draft, nowMs);
}
