import type { ErrorCode, ErrorDetails } from '@gantry/common';

/** Milliseconds of a step, averaged over the workers that own shards. */
export interface PhaseMs {
  readonly load: number;
  readonly compute: number;
  /** Waiting for the others' partials. */
  readonly gather: number;
  readonly update: number;
  /** Waiting for the others' segments. */
  readonly commit: number;
}

/** One finished step: means over all shards. */
export interface StepSummary {
  /** Steps finished: 1 after the first. */
  readonly step: number;
  readonly discriminatorLoss: number;
  readonly generatorLoss: number;
  /** Share of real images that D takes for real, 0…1. */
  readonly accuracyReal: number;
  /** Share of fakes that D takes for fake, 0…1. */
  readonly accuracyFake: number;
  /** Mean over the step's D updates that carried it; null where none did. */
  readonly penalty: number | null;
  readonly phaseMs: PhaseMs;
  /** Unix time in milliseconds when the last worker had done it. */
  readonly endedMs: number;
}

/** How the members exchange, and what was measured between them. */
export interface NetworkSummary {
  /** `direct`, `halving`, or what each network's vector has. */
  readonly topology: string;
  /** With transports ipc and tcp: members. */
  readonly hosts: number;
  readonly latencyMs: number;
  readonly megabitsPerSecond: number;
}

/** A member as people see it. */
export interface MemberSummary {
  readonly worker: string;
  readonly host: string;
  readonly pid: number;
  readonly device: string;
  /** Why `--device auto` chose it; '' where it was named outright. */
  readonly deviceReason: string;
  readonly engine: string;
  readonly threads: number;
  readonly shards: readonly number[];
  readonly hub: boolean;
  /** Last update that it has committed. */
  readonly update: number;
  readonly phase: string;
}

/** What is known of a worker that was lost: where it was when it was last heard of, and why it counts as lost. */
export interface LossRecord {
  readonly worker: string;
  /** Empty, as `device`, and `pid` 0: it was lost before it reported. */
  readonly host: string;
  readonly pid: number;
  readonly device: string;
  readonly generation: number;
  /** Update that it was working on, counted from 1. */
  readonly update: number;
  readonly phase: string;
  /** How long it had been in that phase when it was given up. */
  readonly phaseMs: number;
  /** How long it had not been heard of then. */
  readonly silentMs: number;
  readonly reason: string;
  /** By the coordinator's clock, at most a tick early. */
  readonly atMs: number;
}

/** What a finished run leaves; `interrupted`: it was asked to stop before its last step. */
export interface RunResult {
  readonly step: number;
  readonly update: number;
  /** SHA-256 of the committed state's flat buffers, hex. */
  readonly stateSha256: string;
  /** Real images consumed by D per second of steady training. */
  readonly imagesPerSecond: number;
  /** Folder of the last checkpoint. */
  readonly checkpoint: string;
  readonly interrupted: boolean;
  /** What a person types to go on, or to train longer. */
  readonly resumeCommand: string;
  /** Mean over the steps after the first few; null where there were none. */
  readonly phaseMs: PhaseMs | null;
}

/** What happens in a run, as `--json` prints it: one object a line, told apart by `event`. */
export type RunEvent =
  | {
      readonly event: 'start';
      readonly run: string;
      readonly runDirectory: string;
      readonly endpoint: string;
      readonly preset: string;
      /** File of the user's own networks; null: the preset's. */
      readonly model: string | null;
      readonly dataset: string;
      readonly workers: number;
      readonly shards: number;
      readonly batch: number;
      readonly steps: number;
      /** Step after which training goes on; 0 at a fresh start. */
      readonly fromStep: number;
    }
  | { readonly event: 'joined'; readonly worker: string; readonly host: string; readonly pid: number }
  | {
      readonly event: 'ready';
      readonly generation: number;
      /** Update after which this generation goes on. */
      readonly update: number;
      readonly members: readonly MemberSummary[];
      /** Null where nothing was measured: one host, or topology star. */
      readonly network: NetworkSummary | null;
      /** From the coordinator's start to the word that lets training begin. */
      readonly startupMs: number;
    }
  | ({
      readonly event: 'progress';
      readonly steps: number;
      readonly imagesPerSecond: number;
      /** Null until there is a rate. */
      readonly etaSeconds: number | null;
    } & StepSummary)
  | {
      readonly event: 'worker-lost';
      readonly worker: string;
      readonly host: string;
      readonly update: number;
      readonly phase: string;
      readonly reason: string;
    }
  | {
      /** One for each replica that may be the wrong one. */
      readonly event: 'replica-diverged';
      readonly worker: string;
      readonly host: string;
      /** After which its state is not that of the others. */
      readonly update: number;
      /** Last update after which all were equal. */
      readonly verifiedUpdate: number;
      /** Most replicas agree, and not with this one; false: one of those told of is wrong, and it cannot be known which. */
      readonly outvoted: boolean;
      /** Update of the verified checkpoint that everybody goes back to; 0: the beginning. */
      readonly backTo: number;
      /** It diverged before, and takes part no more. */
      readonly removed: boolean;
    }
  | {
      readonly event: 'checkpoint';
      readonly step: number;
      readonly update: number;
      readonly path: string;
      readonly stateSha256: string;
    }
  | { readonly event: 'sample'; readonly step: number; readonly path: string }
  | {
      /** A worker gets its data from the coordinator. */
      readonly event: 'data-streamed';
      readonly worker: string;
      readonly host: string;
      /** Why it does not read it itself. */
      readonly reason: string;
    }
  | { readonly event: 'warning'; readonly message: string }
  | { readonly event: 'error'; readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails }
  | ({ readonly event: 'done' } & RunResult);
