import { type Assignment, assert, assertNever, type ErrorCode, type Message, type Ready } from '@gantry/common';
import { FAILURE_DETAILS_CHARS_MAX, FAILURE_MESSAGE_CHARS_MAX } from '../constants.js';

/** Where a worker stands between its first message and its exit. */
export type Phase =
  | 'connecting'
  | 'greeted'
  | 'joined'
  | 'assigned'
  | 'preparing'
  | 'ready'
  | 'training'
  | 'stopping'
  /** The generation has ended: what is in flight is being left. */
  | 'pausing'
  /** Nothing is in flight; the state is held until the next assignment. */
  | 'paused'
  | 'done'
  | 'failed';

/** What happens to a worker, as its shell tells it. */
export type WorkerEvent =
  | { readonly type: 'message'; readonly message: Message }
  /** The data socket is bound (or none is needed: empty endpoint), and everything that needs no assignment is loaded. */
  | ({ readonly type: 'bound' } & Standing)
  /** The last generation's work has been left. */
  | ({ readonly type: 'paused' } & Standing)
  /** The shell began to prepare the assignment. */
  | { readonly type: 'preparationBegun' }
  | { readonly type: 'prepared'; readonly report: PreparationReport }
  /** No update will be begun any more; the state of `atUpdate` is committed. */
  | { readonly type: 'trained'; readonly atUpdate: number; readonly announce: boolean }
  /** What the leader owes the coordinator has arrived there; others have nothing to deliver. */
  | { readonly type: 'delivered'; readonly stateSha256: string }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string; readonly detailsJson: string }
  /** The control thread gave the coordinator up. `mayReturn`: this worker was started by hand, and waits for another one. */
  | { readonly type: 'coordinatorLost'; readonly message: string; readonly mayReturn: boolean }
  /** SIGTERM, or SIGINT where a person started it. */
  | { readonly type: 'terminate' };

/** What a worker brings into the next generation. */
export interface Standing {
  readonly dataEndpoint: string;
  /** Public key of that socket; empty where it is not encrypted. */
  readonly dataKey: string;
  /** Generation whose state it holds; 0: none. */
  readonly heldGeneration: number;
  readonly heldUpdate: number;
}

export type PreparationReport = Omit<Ready, 'kind' | 'generation' | 'session'>;

/** What the shell has to do, in order. */
export type WorkerEffect =
  | { readonly type: 'send'; readonly message: Message }
  /** Read the configuration, bind a data socket, begin to load and compile what needs no assignment. */
  | { readonly type: 'configure'; readonly runConfigJson: string; readonly modelPath: string }
  | { readonly type: 'prepare'; readonly assignment: Assignment }
  /** End everything that is in flight, keep the committed state, bind a new data socket; then `paused`. */
  | { readonly type: 'pause' }
  /** Say Hello anew, to the same coordinator or the next one at that address. */
  | { readonly type: 'reconnect'; readonly formerSession: string }
  /** Send the state of `update` to the coordinator. */
  | { readonly type: 'sendState'; readonly update: number }
  | { readonly type: 'train'; readonly startUpdate: number }
  /** Leader: send pictures and state, wait until they are received. Everyone: hash the state. */
  | { readonly type: 'deliver'; readonly atUpdate: number }
  | { readonly type: 'exit'; readonly code: number; readonly error: { code: ErrorCode; message: string } | null };

/** Invariant: `session` is '' exactly before Welcome, `generation` 0 exactly before the first Assignment. */
export interface WorkerState {
  readonly phase: Phase;
  readonly worker: string;
  readonly session: string;
  readonly generation: number;
  readonly startUpdate: number;
  readonly atUpdate: number;
  /** Generation whose coordinator was sent the state that this worker holds; 0: none was. */
  readonly sentIn: number;
  /** A coordinator has welcomed it before. */
  readonly hasJoined: boolean;
  /** SIGTERM came: an Abort is then what it asked for. */
  readonly leaving: boolean;
}

export interface WorkerStep {
  readonly state: WorkerState;
  readonly effects: readonly WorkerEffect[];
}

/** A worker that has sent its Hello. `worker` is the name it proposes; empty: the coordinator gives one. */
export function initialWorker(worker: string): WorkerState {
  return {
    phase: 'connecting',
    worker,
    session: '',
    generation: 0,
    startUpdate: 0,
    atUpdate: 0,
    sentIn: 0,
    hasJoined: false,
    leaving: false,
  };
}

/** The life of a worker: pure, so that a transcript of events can be replayed. An illegal transition throws. */
export function stepWorker(state: WorkerState, event: WorkerEvent): WorkerStep {
  if (isOver(state)) return { state, effects: [] };
  switch (event.type) {
    case 'message':
      return onMessage(state, event.message);
    case 'bound':
      return becomeJoined(state, event);
    case 'paused':
      return becomePaused(state, event);
    case 'preparationBegun':
      if (isPaused(state)) return { state, effects: [] };
      expectPhase(state, ['assigned'], event.type);
      return { state: { ...state, phase: 'preparing' }, effects: [] };
    case 'prepared':
      return becomeReady(state, event.report);
    case 'trained':
      return becomeStopping(state, event.atUpdate, event.announce);
    case 'delivered':
      if (isPaused(state)) return { state, effects: [] };
      expectPhase(state, ['stopping'], event.type);
      return { state, effects: [send({ kind: 'done', atUpdate: state.atUpdate, stateSha256: event.stateSha256 })] };
    case 'failed':
      return becomeFailed(state, event, true);
    case 'coordinatorLost':
      if (event.mayReturn && state.session !== '' && !state.leaving) return becomeConnecting(state);
      return becomeFailed(state, { code: 'GANTRY_COORDINATOR_LOST', message: event.message }, false);
    case 'terminate':
      return becomeLeaving(state);
    default:
      return assertNever(event);
  }
}

/** Whether nothing that happens matters any more. */
export function isOver(state: WorkerState): boolean {
  return state.phase === 'done' || state.phase === 'failed';
}

function onMessage(state: WorkerState, message: Message): WorkerStep {
  switch (message.kind) {
    case 'welcome':
      return becomeGreeted(state, message);
    case 'refused':
      return becomeFailed(state, message, false);
    case 'assignment':
      return becomeAssigned(state, message);
    case 'start':
      return becomeTraining(state, message.generation);
    case 'abort':
      return becomeFailed(state, message, false);
    case 'pause':
      return becomePausing(state, message.generation);
    case 'rejoin':
      return state.session === '' ? { state, effects: [] } : becomeConnecting(state);
    case 'stateRequest':
      return onStateRequest(state, message.stateUpdate);
    case 'bye':
      return { state: { ...state, phase: 'done' }, effects: [{ type: 'exit', code: 0, error: null }] };
    default:
      // Stop, StopRequest, StateChunk, StateReceived and heartbeats are the control thread's; a newer coordinator may say more.
      return { state, effects: [] };
  }
}

/** Once a generation: what is asked for again is on its way. */
function onStateRequest(state: WorkerState, update: number): WorkerStep {
  const { generation } = state;
  if (state.sentIn === generation) return { state, effects: [] };
  return { state: { ...state, sentIn: generation }, effects: [{ type: 'sendState', update }] };
}

function becomeGreeted(state: WorkerState, welcome: Extract<Message, { kind: 'welcome' }>): WorkerStep {
  expectPhase(state, ['connecting'], 'welcome');
  const { worker, session, runConfigJson, modelPath } = welcome;
  return {
    state: { ...state, phase: 'greeted', worker, session, sentIn: 0, hasJoined: true },
    effects: [{ type: 'configure', runConfigJson, modelPath }],
  };
}

function becomeJoined(state: WorkerState, standing: Standing): WorkerStep {
  // Another Welcome may be on its way to a worker that was told to rejoin meanwhile.
  if (state.phase === 'connecting' && state.hasJoined) return { state, effects: [] };
  expectPhase(state, ['greeted'], 'bound');
  return {
    state: { ...state, phase: 'joined' },
    effects: [
      send({ kind: 'joined', session: state.session, ...told(standing) }),
      // Whom it had told is gone, or took it for lost.
      ...(state.leaving ? [send({ kind: 'leave', reason: 'SIGTERM' })] : []),
    ],
  };
}

function told({ dataEndpoint, dataKey, heldGeneration, heldUpdate }: Standing): Standing {
  return { dataEndpoint, dataKey, heldGeneration, heldUpdate };
}

/** Between two generations nothing that the old one's work still reports counts. */
function isPaused({ phase, generation }: WorkerState): boolean {
  if (phase === 'pausing' || phase === 'paused') return true;
  return generation > 0 && (phase === 'connecting' || phase === 'greeted');
}

/** The word that ends a generation's work has come: that it was aborted is then no failure. Who rejoined has no work yet. */
export function hasLeft(state: WorkerState, generation: number): boolean {
  return generation !== state.generation || isPaused(state) || state.phase === 'joined';
}

/** The generation ends. Whoever is not in one, or is on the way out of it already, has nothing to do. */
function becomePausing(state: WorkerState, generation: number): WorkerStep {
  if (generation < state.generation || isPaused(state) || state.phase === 'joined') return { state, effects: [] };
  return { state: { ...state, phase: 'pausing' }, effects: [{ type: 'pause' }] };
}

function becomePaused(state: WorkerState, standing: Standing): WorkerStep {
  if (state.phase !== 'pausing') return { state, effects: [] };
  const { session, generation } = state;
  return {
    state: { ...state, phase: 'paused' },
    effects: [send({ kind: 'paused', session, generation, ...told(standing) })],
  };
}

/** No member any more, of this coordinator or of any: it keeps what it holds, and asks to be let in. */
function becomeConnecting(state: WorkerState): WorkerStep {
  const { session } = state;
  return {
    state: { ...state, phase: 'connecting', session: '' },
    effects: [{ type: 'reconnect', formerSession: session }],
  };
}

function becomeAssigned(state: WorkerState, assignment: Assignment): WorkerStep {
  expectPhase(state, ['joined', 'paused'], 'assignment');
  const { generation, startUpdate } = assignment;
  // A coordinator whose journal was lost with the machine's power may give a number again, to whoever has joined anew.
  const isNew = state.phase === 'joined' || generation > state.generation;
  assert(isNew, `generation ${generation} after ${state.generation}`);
  return {
    state: { ...state, phase: 'assigned', generation, startUpdate },
    effects: [{ type: 'prepare', assignment }],
  };
}

function becomeReady(state: WorkerState, report: PreparationReport): WorkerStep {
  if (isPaused(state)) return { state, effects: [] };
  expectPhase(state, ['preparing'], 'prepared');
  const { generation, session } = state;
  return {
    state: { ...state, phase: 'ready' },
    effects: [send({ kind: 'ready', generation, session, ...report })],
  };
}

function becomeTraining(state: WorkerState, generation: number): WorkerStep {
  const isKnown = generation === state.generation && (state.phase === 'training' || state.phase === 'stopping');
  if (isPaused(state) || isKnown) return { state, effects: [] };
  expectPhase(state, ['ready'], 'start');
  assert(generation === state.generation, `start of generation ${generation} in generation ${state.generation}`);
  return { state: { ...state, phase: 'training' }, effects: [{ type: 'train', startUpdate: state.startUpdate }] };
}

function becomeStopping(state: WorkerState, atUpdate: number, announce: boolean): WorkerStep {
  if (isPaused(state)) return { state, effects: [] };
  expectPhase(state, ['training'], 'trained');
  const stopped: WorkerEffect[] = announce ? [send({ kind: 'stopped', atUpdate })] : [];
  return {
    state: { ...state, phase: 'stopping', atUpdate },
    effects: [...stopped, { type: 'deliver', atUpdate }],
  };
}

/** The coordinator decides how the run ends, unless there is none yet, or whoever asks does so again. */
function becomeLeaving(state: WorkerState): WorkerStep {
  const leaving = { ...state, leaving: true };
  if (state.phase === 'connecting') {
    return { state: { ...leaving, phase: 'done' }, effects: [{ type: 'exit', code: 0, error: null }] };
  }
  if (!state.leaving) return { state: leaving, effects: [send({ kind: 'leave', reason: 'SIGTERM' })] };
  const error = { code: 'GANTRY_INTERRUPTED', message: 'asked a second time, this worker left at once' } as const;
  return becomeFailed(state, error, true);
}

/** `own`: the trouble is this worker's, and the coordinator has to hear of it; its Abort then ends everybody. */
function becomeFailed(
  state: WorkerState,
  error: { readonly code: ErrorCode; readonly message: string; readonly detailsJson?: string },
  own: boolean,
): WorkerStep {
  const { code, message } = error;
  const failure: WorkerEffect[] = own ? [send(failureOf(code, message, error.detailsJson ?? ''))] : [];
  const exitCode = state.leaving && !own ? 0 : 1;
  return {
    state: { ...state, phase: 'failed' },
    effects: [...failure, { type: 'exit', code: exitCode, error: { code, message } }],
  };
}

/** Within the protocol's bounds: what is too long loses its end, and JSON without its end is none. */
function failureOf(code: ErrorCode, message: string, detailsJson: string): Message {
  return {
    kind: 'failure',
    code,
    message: message.slice(0, FAILURE_MESSAGE_CHARS_MAX),
    detailsJson: detailsJson.length > FAILURE_DETAILS_CHARS_MAX ? '' : detailsJson,
  };
}

function send(message: Message): WorkerEffect {
  return { type: 'send', message };
}

function expectPhase(state: WorkerState, phases: readonly Phase[], what: string): void {
  assert(phases.includes(state.phase), `${what} in phase ${state.phase} of worker ${state.worker}`);
}
