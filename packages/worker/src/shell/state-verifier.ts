import { GantryError, type Message, type RunConfig } from '@gantry/common';
import { commitsBefore, isCompared } from '@gantry/gan';
import { parityAfter, type StateImages } from '../core/state-images.js';
import { PHASE_INDEX } from './progress-words.js';
import { fingerprintFlat, fingerprintState } from './state-hash.js';
import type { StepClock } from './step-clock.js';

export interface StateVerifierOptions {
  readonly config: RunConfig;
  readonly images: StateImages;
  readonly clock: Pick<StepClock, 'enter'>;
  readonly send: (message: Message) => void;
}

/**
 * Tells the coordinator what this replica holds, to be compared with the others. The committed image is read in place:
 * nobody writes into it before this member's next gradients are there.
 */
export class StateVerifier {
  readonly #options: StateVerifierOptions;
  #toldUpdate = -1;
  #toldHash = '';

  constructor(options: StateVerifierOptions) {
    this.#options = options;
  }

  /** After every update; nearly always there is nothing to do. */
  afterUpdate(update: number): void {
    if (isCompared(update, this.#options.config)) this.#tell(update);
  }

  /** The last state of all, which is saved: the run may have been stopped anywhere. */
  atEnd(update: number): void {
    if (this.#toldUpdate !== update) this.#tell(update);
  }

  /**
   * Whether a flat copy of the state after `update`, which is to be saved, is what was told to be compared.
   * @throws GantryError GANTRY_REPLICA_DIVERGED if the memory has changed since
   */
  confirm(update: number, copy: Float32Array<ArrayBuffer>): void {
    if (this.#toldUpdate !== update || fingerprintFlat(copy) === this.#toldHash) return;
    const message = `the state after update ${update} changed while it was copied to be saved: the memory of this machine cannot be relied on`;
    throw new GantryError('GANTRY_REPLICA_DIVERGED', message);
  }

  #tell(update: number): void {
    const { config, images, clock, send } = this.#options;
    // A large state takes a while, in which the others wait.
    clock.enter(PHASE_INDEX.saving);
    this.#toldUpdate = update;
    this.#toldHash = fingerprintState(images, parityAfter(commitsBefore(update, config)));
    send({ kind: 'stateHash', atUpdate: update, hash: this.#toldHash });
  }
}
