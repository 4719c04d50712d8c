import type { GantryError } from '@gantry/common';
import type { FrameHeader } from '../core/frame.js';
import type { Payload } from '../core/wire.js';

/** A frame made once and sent in many updates. `payload` is sent in place: it must not change until the peer has it. */
export interface OutgoingFrame {
  readonly peer: number;
  /** Encoded; `fields` is a view of the same bytes. */
  readonly header: Buffer;
  readonly fields: DataView;
  readonly payload: Buffer | null;
}

/** Who takes the frames that arrive: first says where a payload belongs, then, before any other frame, learns that it is there. */
export interface FrameReceiver {
  /** Whether a frame is of this run and generation. Any other is dropped, whatever is in it. */
  isOwn(header: FrameHeader): boolean;
  /** A frame was dropped that is not. */
  countStale(): void;
  /** Memory for exactly `header.length` values of `header.wire`, or null to drop the frame. Throws for a malformed frame. */
  place(header: FrameHeader): Payload | null;
  accept(header: FrameHeader, payload: Payload): void;
  /** A frame without a payload. */
  acceptEmpty(header: FrameHeader): void;
  fail(error: GantryError): void;
}

/**
 * This member's sockets to all others: one PULL that everybody sends to, one PUSH to each. A socket has one send in
 * flight; what comes meanwhile waits in a queue that is bounded by the frames of one update.
 */
export interface DataLink {
  /** Who gets the frames from now on; without one they wait in the sockets. */
  setReceiver(receiver: FrameReceiver | null): void;
  /** Queues a frame, patched with this update's number and flags. */
  send(frame: OutgoingFrame, update: number, flags: number): void;
  /** Whether libzmq has taken everything that was to be sent. */
  readonly isIdle: boolean;
  /**
   * Receives and sends what is possible, waiting for at most `timeoutMs` if nothing is. Null: this link does so by
   * itself, in the event loop.
   */
  readonly poll: ((timeoutMs: number) => void) | null;
  /** Closes all sockets. `drain`: what is queued may still leave for a short while. Idempotent. */
  close(drain: boolean): void;
}

/** A bound, receiving data socket, not yet connected to anybody. */
export interface BoundDataSocket {
  /** What peers connect to: `ipc:///…` or `tcp://HOST:PORT`. */
  readonly endpoint: string;
  /** `keys`, by member too: the public keys of encrypted sockets. */
  connect(endpoints: readonly (string | null)[], keys: readonly string[]): DataLink;
  /** After it, nothing reads from anybody's buffers. */
  close(drain: boolean): void;
}
