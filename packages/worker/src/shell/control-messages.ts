import type { DatasetAnswer, DatasetQuery, ErrorCode, Hello, Message } from '@gantry/common';
import type { WorkerKeys } from '@gantry/common/keys';
import type { DataWant } from '../core/data-feed.js';
import type { StreamedData } from './data-intake.js';

/** What the control thread is started with. */
export interface ControlThreadData {
  readonly endpoint: string;
  readonly hello: Hello;
  /** Null: nothing is encrypted. */
  readonly keys: WorkerKeys | null;
  readonly controlBuffer: SharedArrayBuffer;
  readonly progressBuffer: SharedArrayBuffer;
  /** `performance.timeOrigin` of the main thread, in whose clock the progress words are written. */
  readonly mainTimeOrigin: number;
  /** The main thread's flight recorder, and the file to leave it in; null: in none. */
  readonly flight: { readonly path: string; readonly buffer: SharedArrayBuffer } | null;
  /** Descriptor of a pipe whose end says that whoever started this worker is gone; null: none. */
  readonly parentFd: number | null;
  /** It was started by hand: it waits for the next coordinator if this one goes. */
  readonly mayReturn: boolean;
}

export type ToControl =
  | { readonly type: 'send'; readonly message: Message }
  /** Hash and stream this state; the buffer is transferred. */
  | { readonly type: 'stream'; readonly update: number; readonly state: ArrayBuffer }
  /** Files to unlink if this process has to be killed. */
  | { readonly type: 'files'; readonly files: readonly string[] }
  /** Say Hello on a new connection, again and again until somebody answers. */
  | { readonly type: 'reconnect'; readonly formerSession: string }
  /** Ask which data set the run has, again on every new connection until there is an answer. */
  | { readonly type: 'queryDataset'; readonly query: DatasetQuery }
  /** Fetch chunks of this data set from now on, as they are wanted. */
  | { readonly type: 'openData'; readonly data: StreamedData }
  | { readonly type: 'wantData'; readonly want: DataWant }
  /** Send what is queued, close the socket, end the thread. */
  | { readonly type: 'close' };

export type FromControl =
  | { readonly type: 'message'; readonly message: Message; readonly runId: string }
  /** A whole state came in StateChunks; its hash is right. */
  | { readonly type: 'state'; readonly update: number; readonly sha256: string; readonly state: ArrayBuffer }
  /** The coordinator has all of the state of `update`. */
  | { readonly type: 'delivered'; readonly update: number; readonly sha256: string }
  | { readonly type: 'dataset'; readonly answer: DatasetAnswer }
  /** Something of the data set came: who waits for it may look again. */
  | { readonly type: 'dataArrival' }
  /** What was told as a notice: for the log of this worker. */
  | { readonly type: 'notice'; readonly text: string }
  /** `mayReturn`: the worker may hold its state and reconnect. */
  | { readonly type: 'lost'; readonly message: string; readonly mayReturn: boolean }
  /** This thread met what it cannot send or take: the worker's failure, of which the coordinator has to hear. */
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string };
