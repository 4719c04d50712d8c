import { ControlWords } from '@gantry/collective';
import { PENDING } from './data-network.js';

/** Looks at the words that a wait of the host exchange is allowed: before it publishes, and before it would sleep. */
const LOOKS: Readonly<Record<string, number>> = {
  'gradients of other workers': 2,
  'updates of other workers': 1,
  'gradients of this host': 1,
  'sums of this host': 1,
};

/** The control words of a process whose waits never sleep: a wait that comes to nothing throws PENDING, and is tried again. */
export class SimControlWords extends ControlWords {
  #looks = 0;

  /** A wait begins, or is tried again. */
  beginWait(): void {
    this.#looks = 0;
  }

  override throwIfAborted(update: number, phase: string): void {
    super.throwIfAborted(update, phase);
    const allowed = LOOKS[phase];
    if (allowed !== undefined && ++this.#looks > allowed) throw PENDING;
  }
}
