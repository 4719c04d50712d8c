import type { Envelope } from '@gantry/common';

/** What a worker takes part in. */
interface Membership {
  /** Empty before Welcome. */
  readonly runId: string;
  /** Of the last assignment; 0 before the first. */
  readonly generation: number;
}

/** Whether a coordinator's message is of another run, of a generation that has ended, or an assignment that is known. */
export function isStale({ runId, generation, body }: Envelope, own: Membership): boolean {
  if (own.runId !== '' && runId !== own.runId) return true;
  // It is said to no member of a generation, by a coordinator that may know of fewer: its journal may have been lost.
  if (body.kind === 'rejoin') return false;
  if (body.kind === 'assignment') return body.generation <= own.generation;
  return generation !== 0 && generation < own.generation;
}
