import type { RunConfig } from '@gantry/common';
import type { CoordinatorEvent, Effect } from '../core/events.js';
import { listCheckpoints } from './checkpoint-writer.js';
import { checkSteps, findCheckpoint, recordOf } from './resume.js';
import type { RunDirectory } from './run-directory.js';
import { type OutgoingState, streamState } from './state-transfer.js';

/** A state that members are sent, from a checkpoint or from another member. */
type OfferedState = Pick<OutgoingState, 'update' | 'state' | 'stateSha256'>;

export interface StateSupplyOptions {
  readonly runId: string;
  readonly config: RunConfig;
  readonly directory: RunDirectory;
  /** A whole state that a member has sent. */
  readonly takeState: (update: number) => Float32Array<ArrayBuffer>;
  readonly send: (peer: string, frame: Uint8Array) => Promise<boolean>;
  readonly warn: (message: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Where members that have no state get one. */
export class StateSupply {
  readonly #options: StateSupplyOptions;
  /** The checkpoint that was read, until a generation has begun from it: it is as large as model and optimizer. */
  #restored: OfferedState | null = null;

  constructor(options: StateSupplyOptions) {
    this.#options = options;
  }

  /** Reads the newest sound checkpoint, and says what was found; null there: none. */
  async restore(): Promise<Extract<CoordinatorEvent, { type: 'restored' }>> {
    const { directory, config, warn } = this.#options;
    const found = await findCheckpoint(directory.path);
    for (const { message } of found?.damaged ?? []) {
      warn(`${message}; going on from step ${found!.manifest.step} instead`);
    }
    checkSteps(found, config);
    // Damaged ones are left for a person to look at, and take no other's place.
    const damaged = new Set(found?.damaged.map(({ step }) => step));
    const kept = (await listCheckpoints(directory.checkpoints)).filter((step) => !damaged.has(step));
    const nowMs = performance.now();
    if (found === null) return { type: 'restored', nowMs, checkpoint: null, programHash: '', kept };
    const { update, stateSha256, programHash } = found.manifest;
    this.#restored = { update, stateSha256, state: found.state };
    return { type: 'restored', nowMs, checkpoint: recordOf(found), programHash, kept };
  }

  /** A generation has begun: nobody needs the checkpoint any more. */
  release(): void {
    this.#restored = null;
  }

  sendRestored({ peer, generation }: Extract<Effect, { type: 'sendState' }>): void {
    this.#offer(this.#restored!, peer, generation);
  }

  relay({ update, stateSha256, generation, peers }: Extract<Effect, { type: 'relayState' }>): void {
    const state = this.#options.takeState(update);
    for (const { peer } of peers) this.#offer({ update, stateSha256, state }, peer, generation);
  }

  #offer(offered: OfferedState, peer: string, generation: number): void {
    const { runId, send, onError } = this.#options;
    streamState({ ...offered, runId, generation }, (frame) => send(peer, frame)).catch(onError);
  }
}
