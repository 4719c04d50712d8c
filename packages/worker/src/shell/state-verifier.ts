import type { Message, RunConfig } from '@gantry/common';
import { commitsBefore, isCompared } from '@gantry/gan';
import { parityAfter, type StateImages } from '../core/state-images.js';
import { fingerprintState } from './state-hash.js';

export interface StateVerifierOptions {
  readonly config: RunConfig;
  readonly images: StateImages;
  readonly send: (message: Message) => void;
}

/**
 * Tells the coordinator what this replica holds, to be compared with the others. The committed image is read in place:
 * nobody writes into it before this member's next gradients are there.
 */
export class StateVerifier {
  readonly #options: StateVerifierOptions;
  #toldUpdate = -1;

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

  #tell(update: number): void {
    const { config, images, send } = this.#options;
    this.#toldUpdate = update;
    const hash = fingerprintState(images, parityAfter(commitsBefore(update, config)));
    send({ kind: 'stateHash', atUpdate: update, hash });
  }
}
