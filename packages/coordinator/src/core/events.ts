import type { Envelope, ErrorCode, ErrorDetails, RunConfig, Samples } from '@gantry/common';
import type { RunEvent, RunResult, StepSummary } from './run-events.js';

/** A checkpoint as the core knows it: that it exists, and what it holds. */
export interface CheckpointRecord {
  readonly update: number;
  readonly step: number;
  readonly stateSha256: string;
  readonly path: string;
}

/** What the coordinator is told. Times are milliseconds of one monotonic clock. */
export type CoordinatorEvent =
  /** `freshId`: random, used as the session where the message is a Hello. */
  | {
      readonly type: 'message';
      readonly nowMs: number;
      readonly peer: string;
      readonly envelope: Envelope;
      readonly freshId: string;
    }
  /** A local worker's process ended; `lastWords`: its last line on stderr. */
  | {
      readonly type: 'childExit';
      readonly nowMs: number;
      readonly worker: string;
      readonly code: number | null;
      readonly signal: string | null;
      readonly lastWords: string;
      /** Which of its processes: 0 for the first. */
      readonly attempt: number;
    }
  /** A local worker's process has been stopped (SIGSTOP) for longer than a lease. */
  | { readonly type: 'childStopped'; readonly nowMs: number; readonly worker: string }
  /** What a peer sent is no message of Gantry's, or not one that it may send. */
  | {
      readonly type: 'nonsense';
      readonly nowMs: number;
      readonly peer: string;
      readonly code: ErrorCode;
      readonly message: string;
    }
  | { readonly type: 'disconnected'; readonly nowMs: number; readonly peer: string }
  | { readonly type: 'tick'; readonly nowMs: number }
  /** The checkpoint to go on from was read; null: there is none, begin at 0. */
  | {
      readonly type: 'restored';
      readonly nowMs: number;
      readonly checkpoint: CheckpointRecord | null;
      /** Of the programs that it was trained with; empty without a checkpoint. */
      readonly programHash: string;
      readonly kept: readonly number[];
    }
  /** It is durable: files and folders are synced. */
  | { readonly type: 'checkpointSaved'; readonly nowMs: number; readonly checkpoint: CheckpointRecord }
  /** The shell cannot go on: disk full, a state that is not what its hash says … */
  | {
      readonly type: 'failed';
      readonly nowMs: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: ErrorDetails;
    }
  /** Ctrl-C once: finish the step, save, end. */
  | { readonly type: 'stop'; readonly nowMs: number }
  /** Ctrl-C twice: end now. */
  | { readonly type: 'abort'; readonly nowMs: number; readonly reason: string };

/** What a restarted coordinator would need to know; written durably before the Assignment that it promises. */
export interface JournalRecord {
  readonly generation: number;
  readonly committedUpdate: number;
  readonly checkpoint: CheckpointRecord | null;
  readonly members: readonly { readonly worker: string; readonly host: string; readonly shards: readonly number[] }[];
  /** States that members hold of this generation, or of one before it, are not to be trusted: replicas had diverged. */
  readonly distrusted: number;
}

/** What the shell does, in this order, before it takes the next event. */
export type Effect =
  | { readonly type: 'send'; readonly peer: string; readonly worker: string; readonly envelope: Envelope }
  /** `first`: it is durable before the next effect is performed, because that one promises what it says. */
  | { readonly type: 'journal'; readonly record: JournalRecord; readonly first: boolean }
  /** Ends a local worker's process at once, if it still lives. */
  | { readonly type: 'killWorker'; readonly worker: string }
  /** Starts a local worker again when its last process has ended and `delayMs` are over. */
  | { readonly type: 'startWorker'; readonly worker: string; readonly attempt: number; readonly delayMs: number }
  /** Reads the newest sound checkpoint; answered with `restored`. */
  | { readonly type: 'readCheckpoint' }
  /** Rows of steps from `step` on are done again. */
  | { readonly type: 'rewindMetrics'; readonly step: number }
  /** All chunks of `update` are stored: check its hash and stream it to `peers`. */
  | {
      readonly type: 'relayState';
      readonly update: number;
      readonly stateSha256: string;
      readonly generation: number;
      readonly peers: readonly { readonly peer: string; readonly worker: string }[];
    }
  /** Streams the restored state to `peer` in StateChunks. */
  | { readonly type: 'sendState'; readonly peer: string; readonly worker: string; readonly generation: number }
  /** `data` is a view of the received frame. */
  | {
      readonly type: 'storeChunk';
      readonly update: number;
      readonly offset: number;
      readonly totalBytes: number;
      readonly data: Uint8Array;
    }
  /** All chunks of `update` are stored: verify, write, answer with `checkpointSaved` or `failed`. */
  | {
      readonly type: 'saveCheckpoint';
      readonly update: number;
      readonly step: number;
      readonly stateSha256: string;
      readonly programHash: string;
      readonly stateLayoutJson: string;
    }
  /** Whole states that were stored, and will not be saved. */
  | { readonly type: 'dropStates'; readonly updates: readonly number[] }
  | { readonly type: 'deleteCheckpoints'; readonly steps: readonly number[] }
  | { readonly type: 'metrics'; readonly row: StepSummary & { readonly imagesPerSecond: number } }
  | { readonly type: 'sample'; readonly samples: Samples }
  | { readonly type: 'emit'; readonly event: RunEvent }
  /** A warning for people. */
  | { readonly type: 'log'; readonly message: string }
  /** The run is over. An error: local workers are killed; a result: they leave by themselves. Always the last effect. */
  | { readonly type: 'end'; readonly outcome: RunOutcome };

export type RunOutcome =
  | { readonly result: RunResult }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails } };

/** Fixed for the life of a coordinator. */
export interface Settings {
  readonly runId: string;
  readonly config: RunConfig;
  /** Names of the workers that the coordinator starts itself, the hub's not among them. */
  readonly localWorkers: readonly string[];
  /** Name of the local hub; null without topology star. */
  readonly hub: string | null;
  readonly launchToken: string;
  /** Data sockets on the network are encrypted: each has a key, which its worker tells. */
  readonly hasKeys: boolean;
  /** What a person types to go on after a failure. */
  readonly resumeCommand: string;
  /** A resume: nothing is assigned before the checkpoint is read. */
  readonly resume: boolean;
  /** A resume may compute with other programs than its checkpoint was made with. */
  readonly allowNumbers: boolean;
  /** The last one of the coordinator before; 0 at a fresh start. */
  readonly generation: number;
  /** As the coordinator before wrote it down; see JournalRecord. */
  readonly distrusted: number;
  /** Members of the last generation, of a coordinator that was restarted; they may come back with the state. Null: nobody knows who they were. */
  readonly formerMembers: readonly string[] | null;
  readonly startedMs: number;
}
