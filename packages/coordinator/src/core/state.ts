import type { Envelope, ErrorCode, ErrorDetails, LinkCosts, Message, Phase, Place } from '@gantry/common';
import { assert } from '@gantry/common';
import type { CheckpointRecord, Effect, Settings } from './events.js';
import type { MetricsState } from './metrics.js';
import { initialMetrics } from './metrics.js';
import type { LossRecord, MemberSummary } from './run-events.js';

/**
 * gathering: workers join, or are waited for · preparing: assigned, compiling · training · pausing: the generation has ended,
 * its members leave what is in flight · ending: Bye is said · failed: Abort is said. Only `becomeX` functions change it:
 * gathering → preparing → training → pausing → gathering …, until the run ends.
 */
export type Stage = 'gathering' | 'preparing' | 'training' | 'pausing' | 'ending' | 'failed';
/** greeted and joined: not yet of a generation · assigned to done: of the present one · pausing, paused: of the last one. */
export type MemberStatus = 'greeted' | 'joined' | 'assigned' | 'ready' | 'training' | 'done' | 'pausing' | 'paused';

/** One worker, from its Hello on. */
export interface MemberState {
  readonly worker: string;
  readonly host: string;
  readonly pid: number;
  readonly hub: boolean;
  /** Its process is ours: its exit is seen at once, and it is killed with the run. */
  readonly local: boolean;
  /** Routing id, hex. */
  readonly peer: string;
  readonly session: string;
  readonly status: MemberStatus;
  readonly dataEndpoint: string;
  readonly dataKey: string;
  readonly shards: readonly number[];
  /** Null: nothing is known of it. */
  readonly speed: Speed | null;
  readonly device: string;
  readonly deviceReason: string;
  readonly engine: string;
  readonly threads: number;
  readonly programHash: string;
  readonly stateSha256: string;
  /** What the network costs, and its topology; see Ready. */
  readonly network: LinkCosts;
  readonly topology: string;
  /** Last committed update that it told of. */
  readonly update: number;
  /** Behind the last step whose metrics it has told in the present generation. */
  readonly measured: number;
  readonly lastSeenMs: number;
  readonly phase: Phase;
  readonly workingUpdate: number;
  readonly progress: number;
  /** When its present phase began, by the coordinator's clock. */
  readonly phaseSinceMs: number;
  /** Set with status done. */
  readonly doneUpdate: number;
  /** It was asked to go: it stays until the others hold the state. */
  readonly leaving: boolean;
  /** How the state comes into its memory in the present generation. */
  readonly place: Place;
  /** Generation whose state it holds, as it said when it joined or paused; 0: none. */
  readonly heldGeneration: number;
  readonly heldUpdate: number;
}

/** A local worker's process: how often it was started again, and whether it is expected to say Hello. */
export interface LocalProcess {
  readonly attempt: number;
  /** It has left as it was asked to, or is not started again. */
  readonly over: boolean;
  /** When it was started again, at the latest; null: it is the first. */
  readonly startedMs: number | null;
}

/** A state on its way from a member to members that have none. */
export interface Relay {
  readonly source: string;
  readonly update: number;
  readonly peers: readonly { readonly peer: string; readonly worker: string }[];
}

/** One worker has no answer from another one over the data link: since when it says so, and when it said so last. */
export interface UnreachedWord {
  readonly by: string;
  readonly of: string;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What was measured between replicas of an earlier generation. */
export interface Links {
  readonly replicas: ReadonlySet<string>;
  readonly costs: LinkCosts;
}

/** Assembly and retention of checkpoints. Invariant: chunks of one update arrive in order and without gaps. */
export interface SavingState {
  readonly assembly: { readonly update: number; readonly nextOffset: number; readonly totalBytes: number } | null;
  /** Update of the last state of this generation that has come as a whole, to be written; null: none. */
  readonly received: number | null;
  /** Updates that the shell is writing. */
  readonly writing: readonly number[];
  /** When the last of them was done. */
  readonly writtenMs: number;
  readonly last: CheckpointRecord | null;
  /** Steps of the checkpoints on disk, ascending. */
  readonly kept: readonly number[];
}

/** Time of one shard's gradients on one worker, over its last steps. */
export interface Speed {
  readonly msPerShard: number;
  /** Steps that it was measured over, of those that still count. */
  readonly steps: number;
}

/** A whole state of the leader that is written when its update is verified. */
export type UnverifiedSave = Omit<Extract<Effect, { type: 'saveCheckpoint' }>, 'type'>;

/** The comparison of replicas. Invariant: `told` and `unsaved` are of updates of this generation behind `update`. */
export interface VerificationState {
  /** The last update after which all replicas of this generation were equal. */
  readonly update: number;
  /** By update and replica: hashes that some have told and others not yet. */
  readonly told: ReadonlyMap<number, ReadonlyMap<string, string>>;
  readonly unsaved: readonly UnverifiedSave[];
  /** Held states of generations up to this one count as none. */
  readonly distrusted: number;
  /** By host and worker: how often it was outvoted. */
  readonly outvoted: ReadonlyMap<string, number>;
  /** Divergences in a row without a majority, since the checkpoint of `from` was the last. */
  readonly undecided: { readonly from: number; readonly count: number };
}

/** Where a loss may have happened: `from` updates were applied for sure, and not more than `to`. */
export interface LossRange {
  readonly from: number;
  readonly to: number;
}

/** Losses in a row that one update may have caused. */
export interface Strikes {
  readonly count: number;
  /** What all of them have in common. */
  readonly range: LossRange;
}

export interface CoordinatorState {
  readonly settings: Settings;
  readonly stage: Stage;
  /** Grows with every assignment; 0 before the first. */
  readonly generation: number;
  /** First those of the present generation, in the assignment's order; then the others, in join order. */
  readonly members: readonly MemberState[];
  /** False while a resume still reads its checkpoint. */
  readonly restored: boolean;
  readonly startUpdate: number;
  /** This coordinator's workers have trained; see {@link mayHaveTrained}. */
  readonly hasTrained: boolean;
  /** Update of the checkpoint that the shell has read and can send; null: none is at hand. */
  readonly atHand: number | null;
  /** By local worker. */
  readonly processes: ReadonlyMap<string, LocalProcess>;
  readonly trainingSinceMs: number;
  /** The last generation that has trained, as far as it is known: this coordinator's, or what members of before came back with; 0: none. */
  readonly trainedGeneration: number;
  /** When a member of it was last lost that may live, and come back with the state; infinite until the next tick. Null: none, or somebody has trained on. */
  readonly strayedMs: number | null;
  /** By worker: where this generation lost it, in training. */
  readonly lostIn: ReadonlyMap<string, LossRange>;
  /** By worker: its losses in a row that may have been in one update, which has not been done since. */
  readonly strikes: ReadonlyMap<string, Strikes>;
  /** How often shards were moved to faster workers. */
  readonly balanced: number;
  readonly pausedSinceMs: number;
  /** What the run waits for, as far as it was said. */
  readonly toldWaiting: 'nothing' | 'workers' | 'state' | 'disk';
  readonly relay: Relay | null;
  /** Who has no answer from whom in this preparation, by their words. */
  readonly unreached: readonly UnreachedWord[];
  /** Holds for any of these replicas; null: nothing was measured. */
  readonly links: Links | null;
  /** What members must have compiled, because the checkpoint was made with it; empty: anything that all agree on. */
  readonly expectedProgram: string;
  readonly stop: 'none' | 'requested' | 'agreed';
  /** Where this generation's leader has said that it stops; null: it has not. */
  readonly stopsAt: number | null;
  readonly metrics: MetricsState;
  readonly saving: SavingState;
  readonly verification: VerificationState;
  readonly stateLayoutJson: string;
  readonly stateBytes: number;
  readonly lastTickMs: number;
  /** Longest of each phase, fading with every step; see LONGEST_HALF_LIFE_STEPS. */
  readonly phaseLongestMs: Readonly<Partial<Record<Phase, number>>>;
  /** The stalled worker that was last told of, and since when it was in its phase; null: none. */
  readonly toldStalled: { readonly worker: string; readonly phaseSinceMs: number } | null;
  /** The last generation of which it was told who is its straggler. */
  readonly toldStraggler: number;
  readonly allDoneMs: number | null;
  /** A fault that may have a better explanation; see SUSPICION_MS. */
  readonly suspicion: Suspicion | null;
  /** What ended the run; set exactly in stage `failed`. */
  readonly failure: RunFailure | null;
  /** The last lost workers, oldest first; `lossCount` counts all of them. */
  readonly losses: readonly LossRecord[];
  readonly lossCount: number;
  /** Frames of other runs, generations, strangers. */
  readonly dropped: number;
  /** Hellos that were refused. */
  readonly refused: number;
}

/** The error that ended the run; `details` name the worker, if there is one, and where it was. */
export interface RunFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

export interface Suspicion {
  readonly sinceMs: number;
  readonly worker: string;
  /** What is said of it if nothing better comes. */
  readonly code: ErrorCode;
  readonly message: string;
  /** It counts as the loss of `worker`, not as its report. */
  readonly lost: boolean;
}

/** One transition in the making: `state` is replaced, never changed; effects are appended. */
export interface Draft {
  state: CoordinatorState;
  readonly effects: Effect[];
}

export function initialState(settings: Settings): CoordinatorState {
  return {
    settings,
    stage: 'gathering',
    generation: settings.generation,
    members: [],
    restored: !settings.resume,
    startUpdate: 0,
    hasTrained: false,
    atHand: null,
    processes: new Map(ownWorkers(settings).map((worker) => [worker, { attempt: 0, over: false, startedMs: null }])),
    trainingSinceMs: 0,
    trainedGeneration: 0,
    strayedMs: null,
    lostIn: new Map(),
    strikes: new Map(),
    balanced: 0,
    pausedSinceMs: 0,
    toldWaiting: 'nothing',
    unreached: [],
    relay: null,
    links: null,
    expectedProgram: '',
    stop: 'none',
    stopsAt: null,
    metrics: initialMetrics(0),
    saving: { assembly: null, received: null, writing: [], writtenMs: 0, last: null, kept: [] },
    verification: {
      update: 0,
      told: new Map(),
      unsaved: [],
      distrusted: settings.distrusted,
      outvoted: new Map(),
      undecided: { from: 0, count: 0 },
    },
    stateLayoutJson: '',
    stateBytes: 0,
    lastTickMs: settings.startedMs,
    phaseLongestMs: {},
    toldStalled: null,
    toldStraggler: 0,
    allDoneMs: null,
    suspicion: null,
    failure: null,
    losses: [],
    lossCount: 0,
    dropped: 0,
    refused: 0,
  };
}

/** The local workers, the hub among them. */
export function ownWorkers({ localWorkers, hub }: Settings): string[] {
  return hub === null ? [...localWorkers] : [...localWorkers, hub];
}

const ACTIVE: ReadonlySet<MemberStatus> = new Set<MemberStatus>(['assigned', 'ready', 'training', 'done']);

/** Whether it takes part in the present generation. */
export function isActive({ status }: MemberState): boolean {
  return ACTIVE.has(status);
}

/** The members of the present generation, in the assignment's order. */
export function activeMembers({ members }: CoordinatorState): MemberState[] {
  return members.filter(isActive);
}

export function patch(draft: Draft, change: Partial<CoordinatorState>): void {
  draft.state = { ...draft.state, ...change };
}

export function patchMember(draft: Draft, worker: string, change: Partial<MemberState>): void {
  patch(draft, {
    members: draft.state.members.map((member) => (member.worker === worker ? { ...member, ...change } : member)),
  });
}

export function drop(draft: Draft): void {
  patch(draft, { dropped: draft.state.dropped + 1 });
}

export function memberByPeer(state: CoordinatorState, peer: string): MemberState | undefined {
  return state.members.find((member) => member.peer === peer);
}

/** Whether nobody who stays holds as much of the state as this member, so that it cannot be let go. */
export function holdsLastState(state: CoordinatorState, member: MemberState): boolean {
  const { members } = state;
  if (!holdsProgress(state, member)) return false;
  return !members.some((one) => one.worker !== member.worker && !one.leaving && hasAsMuch(state, one, member));
}

/** Whether another member has the same state, or one that follows from it. */
function hasAsMuch({ stage, generation }: CoordinatorState, one: MemberState, member: MemberState): boolean {
  const isTraining = stage === 'training' && isActive(one);
  const has = isTraining
    ? { generation, update: one.update }
    : { generation: one.heldGeneration, update: one.heldUpdate };
  return has.generation >= member.heldGeneration && has.update + 1 >= member.heldUpdate;
}

/** Whether what it holds is more than the checkpoint, or the beginning, would give back. */
function holdsProgress({ saving }: CoordinatorState, { heldGeneration, heldUpdate }: MemberState): boolean {
  return heldGeneration > 0 && heldUpdate > (saving.last?.update ?? 0);
}

/** Whether there is anything to save: this coordinator has trained, or members hold what the one before it had reached. */
export function hasProgress(state: CoordinatorState): boolean {
  return state.hasTrained || state.members.some((member) => holdsProgress(state, member));
}

/**
 * Whether there may be something to lose: from then on a loss is made good, and not the end. What a coordinator before this one
 * has reached may be in the hands of workers who are not back yet; only a run that is begun ends with what its workers lack.
 */
export function mayHaveTrained({ trainedGeneration, settings, saving }: CoordinatorState): boolean {
  const { generation, formerMembers } = settings;
  return trainedGeneration > 0 || generation > 0 || formerMembers === null || saving.last !== null;
}

/** Whether somebody beside this member holds more than the checkpoint would give back. */
export function isHeldByOthers(state: CoordinatorState, { worker }: MemberState): boolean {
  return state.members.some((one) => one.worker !== worker && holdsProgress(state, one));
}

/** Updates that one step consists of. */
export function updatesPerStep(state: CoordinatorState): number {
  const { updates, discriminatorUpdates } = state.settings.config;
  return updates === 'simultaneous' ? 1 : discriminatorUpdates + 1;
}

/** The leader; between two generations there is none. */
export function findLeader(state: CoordinatorState): MemberState | undefined {
  return state.members.find((member) => member.shards.length > 0 && isActive(member));
}

/** The lowest-indexed member with shards: it sends checkpoints and pictures. */
export function leader(state: CoordinatorState): MemberState {
  const found = findLeader(state);
  assert(found !== undefined, 'an assignment has a member with shards');
  return found;
}

/** Updates that every member has committed. */
export function committedUpdate(state: CoordinatorState): number {
  const active = activeMembers(state);
  if (active.length === 0) return state.startUpdate;
  return active.reduce((least, { update }) => Math.min(least, update), Number.POSITIVE_INFINITY);
}

export function send(draft: Draft, to: Pick<MemberState, 'peer' | 'worker'>, body: Message): void {
  const { settings, generation } = draft.state;
  const envelope: Envelope = { runId: settings.runId, generation, update: 0, body };
  draft.effects.push({ type: 'send', peer: to.peer, worker: to.worker, envelope });
}

export function summarize(member: MemberState): MemberSummary {
  const { worker, host, pid, device, deviceReason, engine, threads, shards, hub, update, phase } = member;
  return { worker, host, pid, device, deviceReason, engine, threads, shards, hub, update, phase };
}
