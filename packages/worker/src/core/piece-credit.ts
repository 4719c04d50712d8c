import { DATA_PIECE_BYTES_MAX } from '@gantry/common';
import { CREDIT_BYTES_FIRST, nextCredit } from './data-credit.js';

/**
 * How many pieces of a state may be on their way, so that a heartbeat and its answer wait behind few of them: each piece is
 * followed by a heartbeat, whose answer says that both have arrived, and after how long. An answer that nobody asked for (the
 * coordinator's probe) is taken for the next one, and answers that are owed keep nothing back for good: the next ones stand for them.
 */
export class PieceCredit {
  /** Heartbeats without an answer, the oldest first. */
  readonly #unanswered: { readonly sentMs: number; readonly pieces: 0 | 1 }[] = [];
  #pieces = 0;
  #creditBytes = CREDIT_BYTES_FIRST;

  /** Whether another piece may leave. */
  get isOpen(): boolean {
    return (this.#pieces + 1) * DATA_PIECE_BYTES_MAX <= this.#creditBytes;
  }

  /** A heartbeat has left, alone or behind a piece. */
  sent(pieces: 0 | 1, nowMs: number): void {
    this.#unanswered.push({ sentMs: nowMs, pieces });
    this.#pieces += pieces;
  }

  answered(nowMs: number): void {
    const beat = this.#unanswered.shift();
    if (beat === undefined) return;
    this.#pieces -= beat.pieces;
    if (beat.pieces > 0) this.#creditBytes = nextCredit(this.#creditBytes, nowMs - beat.sentMs);
  }
}
