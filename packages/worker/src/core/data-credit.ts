import { DATA_CREDIT_BYTES_MAX, DATA_PIECE_BYTES_MAX } from '@gantry/common';

/**
 * A piece that takes longer has too many others in front of it: so long a word of the coordinator may have to wait behind data,
 * in milliseconds. A fraction of the shortest lease.
 */
const LATE_MS = 150;
/** One that comes sooner says that there is room for more, in milliseconds. */
const SOON_MS = 60;

/** What a worker may have asked for at the beginning, in bytes: one piece, on a link of which nothing is known. */
export const CREDIT_BYTES_FIRST = DATA_PIECE_BYTES_MAX;

/**
 * How many bytes may be on their way, after a piece has come `latencyMs` after it was asked for: more while pieces come soon, fewer
 * when they are late, so that a slow link has no queue and a fast one is full.
 */
export function nextCredit(creditBytes: number, latencyMs: number): number {
  if (latencyMs <= SOON_MS) return Math.min(DATA_CREDIT_BYTES_MAX, creditBytes + DATA_PIECE_BYTES_MAX);
  if (latencyMs <= LATE_MS) return creditBytes;
  return Math.max(DATA_PIECE_BYTES_MAX, creditBytes - DATA_PIECE_BYTES_MAX);
}
