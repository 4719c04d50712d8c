import { streamState } from './state-transfer.js';

/** A state that members are sent, from a checkpoint or from another member. */
export interface OfferedState {
  readonly update: number;
  readonly stateSha256: string;
  readonly state: Float32Array;
}

/** Streams it to one member. */
export function sendState(
  { update, state, stateSha256 }: OfferedState,
  envelope: { readonly runId: string; readonly generation: number },
  sendFrame: (frame: Uint8Array) => Promise<boolean>,
): Promise<void> {
  return streamState({ ...envelope, update, state, stateSha256 }, sendFrame);
}
