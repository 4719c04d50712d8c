import type { ErrorCode } from '../errors.js';

/** What a worker is doing; `PHASE_…` of control.proto in its order, without PHASE_UNSPECIFIED. */
export const PHASES = [
  'starting',
  'compiling',
  'ready',
  'loading',
  'computing',
  'gathering',
  'updating',
  'committing',
  'saving',
  'sampling',
  'stopped',
] as const;
export type Phase = (typeof PHASES)[number];

/** worker → coordinator, first message. */
export interface Hello {
  readonly kind: 'hello';
  readonly protocolVersion: number;
  readonly gantryVersion: string;
  /** Proposed name; empty: the coordinator names it. */
  readonly worker: string;
  /** Workers with the same host id share memory. */
  readonly host: string;
  readonly pid: number;
  readonly cores: number;
  /** Empty for a worker that was started by hand. */
  readonly launchToken: string;
  readonly hub: boolean;
  /** Session that it had before it lost the coordinator; empty: it is new. */
  readonly formerSession: string;
}

/** coordinator → worker. */
export interface Welcome {
  readonly kind: 'welcome';
  readonly worker: string;
  readonly session: string;
  readonly runConfigJson: string;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  /** Empty: the preset's networks. */
  readonly modelPath: string;
}

/** worker → coordinator: it may be assigned. */
export interface Joined {
  readonly kind: 'joined';
  readonly session: string;
  /** Empty where it needs none. */
  readonly dataEndpoint: string;
  /** Generation whose state it holds in memory; 0: none. */
  readonly heldGeneration: number;
  /** Last update that its host has committed of it. */
  readonly heldUpdate: number;
  /** Public CURVE key of its data socket; empty where that is not encrypted. */
  readonly dataKey: string;
}

export interface Refused {
  readonly kind: 'refused';
  readonly code: ErrorCode;
  readonly message: string;
}

/** How the state comes into a member's memory; `PLACE_…` of control.proto in its order, without PLACE_UNSPECIFIED. */
export const PLACES = ['initial', 'received', 'copied', 'attached'] as const;
export type Place = (typeof PLACES)[number];

/** A worker's part in an assignment. */
export interface Member {
  readonly worker: string;
  readonly host: string;
  /** Ascending; empty for a hub. */
  readonly shards: readonly number[];
  readonly dataEndpoint: string;
  readonly dataKey: string;
  readonly hub: boolean;
  readonly place: Place;
}

/** coordinator → every worker: one fixed membership. */
export interface Assignment {
  readonly kind: 'assignment';
  readonly generation: number;
  readonly members: readonly Member[];
  readonly sharedMemory: string;
  readonly startUpdate: number;
  /** Empty unless the state comes from a checkpoint. */
  readonly stateSha256: string;
  /** What was measured between these hosts before. Zeros: the members measure it, but with topology star. */
  readonly network: LinkCosts;
}

/** What the links between hosts cost; with ipc and tcp: those between members. Whole numbers, so that all choose alike. */
export interface LinkCosts {
  /** From one's send to the other's receipt of a short message. */
  readonly latencyUs: number;
  readonly kilobytesPerSecond: number;
}

export const UNMEASURED: LinkCosts = { latencyUs: 0, kilobytesPerSecond: 0 };

/** worker → coordinator: programs compiled, memory attached, state in place. */
export interface Ready {
  readonly kind: 'ready';
  readonly generation: number;
  readonly session: string;
  readonly programHash: string;
  readonly stateSha256: string;
  readonly device: string;
  /** Why `--device auto` chose it; empty where it was named outright. */
  readonly deviceReason: string;
  readonly engine: string;
  readonly threads: number;
  /** The StateLayout as JSON; empty but from the leader. */
  readonly stateLayoutJson: string;
  /** What the members measured, by which topology auto chooses; zeros: nothing was. */
  readonly network: LinkCosts;
  /** Of the vectors, where the network was measured; else empty. */
  readonly topology: string;
}

export interface Start {
  readonly kind: 'start';
  readonly generation: number;
}

/** worker → coordinator, every heartbeatMs. */
export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly session: string;
  readonly phase: Phase;
  readonly workingUpdate: number;
  readonly progress: number;
  readonly phaseMs: number;
}

export interface StepMetrics {
  readonly step: number;
  readonly shards: number;
  /** In the order of METRIC_NAMES; may be non-finite when training diverges. */
  readonly sums: readonly number[];
  /** Milliseconds: load, compute, gather, update, commit. */
  readonly phaseMs: readonly number[];
  readonly penalized: number;
  /** Unix time in milliseconds, by this worker's clock, when the step was done here. */
  readonly endedMs: number;
}

/** worker → coordinator, some times a second. */
export interface Metrics {
  readonly kind: 'metrics';
  readonly steps: readonly StepMetrics[];
}

/** Either way: bytes at `offset` of the flat state. `data` is a view of the received frame: copy it to keep it. */
export interface StateChunk {
  readonly kind: 'stateChunk';
  readonly stateUpdate: number;
  readonly offset: number;
  readonly totalBytes: number;
  readonly data: Uint8Array;
  /** Empty but on the last chunk. */
  readonly sha256: string;
}

export interface StateReceived {
  readonly kind: 'stateReceived';
  readonly stateUpdate: number;
}

/** worker → coordinator: what its replica holds after `atUpdate`, to be compared with the others. */
export interface StateHash {
  readonly kind: 'stateHash';
  readonly atUpdate: number;
  /** 128 bits in hex. */
  readonly hash: string;
}

/** worker → coordinator, while it prepares: another member does not answer it over the data link. */
export interface Unreached {
  readonly kind: 'unreached';
  readonly worker: string;
}

/** leader → coordinator: uint8 [count, height, width, channels] each; views of the received frame. */
export interface Samples {
  readonly kind: 'samples';
  readonly step: number;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Empty where no EMA is kept. */
  readonly ema: Uint8Array;
  readonly raw: Uint8Array;
  readonly real: Uint8Array;
}

export interface StopRequest {
  readonly kind: 'stopRequest';
  readonly save: boolean;
}

export interface Stopped {
  readonly kind: 'stopped';
  readonly atUpdate: number;
}

export interface Stop {
  readonly kind: 'stop';
  readonly atUpdate: number;
}

export interface Done {
  readonly kind: 'done';
  readonly atUpdate: number;
  readonly stateSha256: string;
}

export interface Failure {
  readonly kind: 'failure';
  readonly code: ErrorCode;
  readonly message: string;
  /** ErrorDetails as JSON; may be empty. */
  readonly detailsJson: string;
}

export interface Abort {
  readonly kind: 'abort';
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Leave {
  readonly kind: 'leave';
  readonly reason: string;
}

export interface Bye {
  readonly kind: 'bye';
}

/** coordinator → every member: the membership ends; leave everything in flight, keep the committed state. */
export interface Pause {
  readonly kind: 'pause';
  readonly generation: number;
}

/** worker → coordinator: nothing of that generation is in flight here any more. */
export interface Paused {
  readonly kind: 'paused';
  readonly session: string;
  readonly generation: number;
  readonly heldGeneration: number;
  readonly heldUpdate: number;
  /** Of its new data socket; empty where it needs none. */
  readonly dataEndpoint: string;
  readonly dataKey: string;
}

/** coordinator → a member that holds it: send the state of `stateUpdate`, for a new host. */
export interface StateRequest {
  readonly kind: 'stateRequest';
  readonly stateUpdate: number;
}

/** coordinator → a worker that is no member (any more): say Hello again. */
export interface Rejoin {
  readonly kind: 'rejoin';
}

/** worker → coordinator: which data set the run has. */
export interface DatasetQuery {
  readonly kind: 'datasetQuery';
  /** SHA-256 of its own data set's manifest; empty: it has none, or is to have the coordinator's. */
  readonly heldSha256: string;
  /** Why it may need the coordinator's, for people. */
  readonly reason: string;
}

/** coordinator → worker. */
export interface DatasetAnswer {
  readonly kind: 'datasetAnswer';
  /** Empty: the data set is the one that the worker has, or there is a problem. */
  readonly manifestJson: string;
  /** Why the coordinator cannot open it; empty: it can. */
  readonly problem: string;
}

/** worker → coordinator: a piece of a chunk of the data set, `bytes` at `offset` of chunk `chunk`. */
export interface DataRequest {
  readonly kind: 'dataRequest';
  readonly datasetSha256: string;
  readonly chunk: number;
  readonly offset: number;
  readonly bytes: number;
}

/** coordinator → worker: that piece. `data` is a view of the received frame: copy it to keep it. */
export interface DataChunk {
  readonly kind: 'dataChunk';
  readonly chunk: number;
  readonly offset: number;
  readonly data: Uint8Array;
  /** Why it cannot be sent; empty: here it is. */
  readonly problem: string;
}

/** worker → coordinator: a warning for people. */
export interface Notice {
  readonly kind: 'notice';
  readonly text: string;
}

/** Every message of the control plane; `kind` is the name of its field in Envelope's oneof. */
export type Message =
  | Hello
  | Welcome
  | Joined
  | Refused
  | Assignment
  | Ready
  | Start
  | Heartbeat
  | Metrics
  | StateChunk
  | StateReceived
  | StateHash
  | Unreached
  | Samples
  | StopRequest
  | Stopped
  | Stop
  | Done
  | Failure
  | Abort
  | Leave
  | Bye
  | Pause
  | Paused
  | StateRequest
  | Rejoin
  | DatasetQuery
  | DatasetAnswer
  | DataRequest
  | DataChunk
  | Notice;
export type MessageKind = Message['kind'];

/** One ZeroMQ message. */
export interface Envelope {
  /** Empty before the coordinator has told the run (Hello). */
  readonly runId: string;
  /** 0 before the first Assignment. */
  readonly generation: number;
  /** Last update the sender has committed. */
  readonly update: number;
  readonly body: Message;
}
