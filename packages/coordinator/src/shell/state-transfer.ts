import { assert, encodeEnvelope, STATE_CHUNK_BYTES_MAX } from '@gantry/common';

/** Puts the chunks of the leader's states together. The core has checked that they come in order and fit. */
export class StateInbox {
  /** One at a time: a state that is begun takes the place of one that its sender did not finish. */
  #arriving: { readonly update: number; readonly bytes: Uint8Array<ArrayBuffer> } | null = null;
  /** Whole ones, by update, until they are asked for; a new one of an update takes the place of the old one. */
  readonly #whole = new Map<number, Uint8Array<ArrayBuffer>>();

  /** Copies `data`, which is a view of a frame. */
  store(chunk: { update: number; offset: number; totalBytes: number; data: Uint8Array }): void {
    const { update, offset, totalBytes, data } = chunk;
    if (offset === 0) this.#arriving = { update, bytes: new Uint8Array(totalBytes) };
    assert(this.#arriving?.update === update, `a chunk of update ${update} without its first one`);
    const { bytes } = this.#arriving;
    bytes.set(data, offset);
    if (offset + data.length < totalBytes) return;
    this.#whole.set(update, bytes);
    this.#arriving = null;
  }

  /** Hands a whole state out and forgets it. */
  take(update: number): Float32Array<ArrayBuffer> {
    const bytes = this.#whole.get(update);
    assert(bytes !== undefined, `no state of update ${update}`);
    this.#whole.delete(update);
    return new Float32Array(bytes.buffer);
  }

  /** Forgets a whole state. */
  drop(update: number): void {
    this.#whole.delete(update);
  }
}

/** A state to be sent, and the envelope that its chunks travel in. */
export interface OutgoingState {
  readonly runId: string;
  readonly generation: number;
  readonly update: number;
  readonly state: Float32Array;
  readonly stateSha256: string;
}

/** Sends a state in chunks, the next when the one before has left; stops where the peer is gone. */
export async function streamState(
  outgoing: OutgoingState,
  send: (frame: Uint8Array) => Promise<boolean>,
): Promise<void> {
  const { runId, generation, update, state, stateSha256 } = outgoing;
  const bytes = new Uint8Array(state.buffer, state.byteOffset, state.byteLength);
  for (let offset = 0; offset < bytes.length; offset += STATE_CHUNK_BYTES_MAX) {
    const data = bytes.subarray(offset, offset + STATE_CHUNK_BYTES_MAX);
    const last = offset + data.length === bytes.length;
    const frame = encodeEnvelope({
      runId,
      generation,
      update,
      body: {
        kind: 'stateChunk',
        stateUpdate: update,
        offset,
        totalBytes: bytes.length,
        data,
        sha256: last ? stateSha256 : '',
      },
    });
    if (!(await send(frame))) return;
  }
}
