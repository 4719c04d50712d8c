import type { Checkpoint } from './checkpoint-reader.js';
import { streamState } from './state-transfer.js';

/** The state that a resumed run begins with, until everyone who needs it has it: it is as large as model and optimizer. */
export class RestoredState {
  #checkpoint: Checkpoint | null;
  #sending = 0;

  constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint;
  }

  /** Streams it to one member; all are told to send before the first has it all. */
  async send(
    envelope: { readonly runId: string; readonly generation: number },
    sendFrame: (frame: Uint8Array) => Promise<boolean>,
  ): Promise<void> {
    const { manifest, state } = this.#checkpoint!;
    const { update, stateSha256 } = manifest;
    this.#sending++;
    try {
      await streamState({ ...envelope, update, state, stateSha256 }, sendFrame);
    } finally {
      if (--this.#sending === 0) this.#checkpoint = null;
    }
  }
}
