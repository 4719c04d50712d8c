import { Worker } from 'node:worker_threads';
import type { ControlWords } from '@gantry/collective';
import { type DatasetAnswer, type DatasetQuery, GantryError, type Hello, type Message } from '@gantry/common';
import type { WorkerKeys } from '@gantry/common/keys';
import { LINGER_MS } from '../constants.js';
import type { DataWant } from '../core/data-feed.js';
import type { ControlThreadData, FromControl, ToControl } from './control-messages.js';
import type { StreamedData } from './data-intake.js';
import type { ProgressWords } from './progress-words.js';

export interface ControlChannelOptions {
  readonly endpoint: string;
  readonly hello: Hello;
  readonly keys: WorkerKeys | null;
  readonly control: ControlWords;
  readonly progress: ProgressWords;
  readonly flight: ControlThreadData['flight'];
  readonly parentFd: number | null;
  /** It was started by hand: it may wait for the next coordinator. */
  readonly mayReturn: boolean;
  readonly onMessage: (message: Message, runId: string) => void;
  readonly onLost: (message: string, mayReturn: boolean) => void;
  /** What the control thread told the coordinator, for people. */
  readonly onNotice: (text: string) => void;
  /** The control thread cannot go on. */
  readonly onFailed: (error: GantryError) => void;
}

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/** A state that the coordinator sent. */
export interface ReceivedState {
  readonly update: number;
  readonly sha256: string;
  readonly state: Float32Array;
}

/** The main thread's end of the control thread. */
export class ControlChannel {
  readonly #thread: Worker;
  readonly #exited: Promise<void>;
  readonly #deliveries = new Map<number, Waiter<string>>();
  readonly #onMessage: (message: Message, runId: string) => void;
  readonly #onLost: (message: string, mayReturn: boolean) => void;
  readonly #onNotice: (text: string) => void;
  readonly #onFailed: (error: GantryError) => void;
  #state: ReceivedState | null = null;
  #stateWaiter: Waiter<ReceivedState> | null = null;
  #datasetWaiter: Waiter<DatasetAnswer> | null = null;
  #arrivalWaiter: Waiter<void> | null = null;
  #over = false;

  constructor(options: ControlChannelOptions) {
    const { endpoint, hello, keys, control, progress, flight, parentFd, mayReturn } = options;
    this.#onMessage = options.onMessage;
    this.#onLost = options.onLost;
    this.#onNotice = options.onNotice;
    this.#onFailed = options.onFailed;
    const workerData: ControlThreadData = {
      endpoint,
      hello,
      keys,
      controlBuffer: control.buffer,
      progressBuffer: progress.buffer,
      mainTimeOrigin: performance.timeOrigin,
      flight,
      parentFd,
      mayReturn,
    };
    this.#thread = new Worker(new URL('./control-thread.js', import.meta.url), { workerData, name: 'gantry-control' });
    this.#exited = new Promise((resolve) => this.#thread.once('exit', () => resolve()));
    this.#thread.on('message', (message: FromControl) => this.#onControl(message));
    this.#thread.on('error', (error) => this.#end(error));
  }

  send(message: Message): void {
    this.#post({ type: 'send', message });
  }

  /** Sends the committed state of `update`, which this gives away; ends with its SHA-256 when the coordinator has it. */
  stream(update: number, state: Float32Array<ArrayBuffer>): Promise<string> {
    const delivered = new Promise<string>((resolve, reject) => {
      this.#deliveries.set(update, { resolve, reject });
    });
    // Who waits for it sees the loss of the coordinator; nobody has to.
    delivered.catch(() => {});
    this.#post({ type: 'stream', update, state: state.buffer }, [state.buffer]);
    return delivered;
  }

  /** The state that an assignment announced. */
  receiveState(): Promise<ReceivedState> {
    const state = this.#state;
    // It is as large as the network: whoever gets it may let go of it.
    this.#state = null;
    if (state !== null) return Promise.resolve(state);
    return new Promise((resolve, reject) => {
      this.#stateWaiter = { resolve, reject };
    });
  }

  /** Which data set the run has. It is asked for until there is an answer, whatever becomes of the connection. */
  queryDataset(query: DatasetQuery): Promise<DatasetAnswer> {
    this.#post({ type: 'queryDataset', query });
    return new Promise((resolve, reject) => {
      this.#datasetWaiter = { resolve, reject };
    });
  }

  openData(data: StreamedData): void {
    this.#post({ type: 'openData', data });
  }

  wantData(want: DataWant): void {
    this.#post({ type: 'wantData', want });
  }

  /** Ends when something of the data set came. @throws GANTRY_ABORTED where the generation ends before */
  dataArrival(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#arrivalWaiter = { resolve, reject };
    });
  }

  /** Tells the coordinator, and the log, what people should know. */
  notice(text: string): void {
    this.send({ kind: 'notice', text });
    this.#onNotice(text);
  }

  /** Ends what waits for the coordinator to take or send a state, or data: the generation is over. @throws GANTRY_ABORTED there */
  cancel(): void {
    this.#state = null;
    this.#rejectAll(new GantryError('GANTRY_ABORTED', 'the generation has ended'));
  }

  /** Says Hello on a new connection until somebody answers. */
  reconnect(formerSession: string): void {
    this.#post({ type: 'reconnect', formerSession });
  }

  /** Files to unlink if this process has to be killed. */
  protect(files: readonly string[]): void {
    this.#post({ type: 'files', files });
  }

  /** Sends what is queued and ends the thread. */
  async close(): Promise<void> {
    this.#over = true;
    this.#post({ type: 'close' });
    const late = new Promise<void>((resolve) => setTimeout(resolve, 3 * LINGER_MS).unref());
    await Promise.race([this.#exited, late]);
  }

  #post(message: ToControl, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(message, [...transfer]);
  }

  #onControl(message: FromControl): void {
    switch (message.type) {
      case 'message':
        this.#onMessage(message.message, message.runId);
        return;
      case 'lost':
        this.#end(new GantryError('GANTRY_COORDINATOR_LOST', message.message), message.mayReturn);
        return;
      case 'failed':
        this.#onFailed(new GantryError(message.code, message.message));
        return;
      case 'delivered':
        this.#deliveries.get(message.update)?.resolve(message.sha256);
        this.#deliveries.delete(message.update);
        return;
      case 'dataset':
        this.#datasetWaiter?.resolve(message.answer);
        this.#datasetWaiter = null;
        return;
      case 'dataArrival':
        this.#arrivalWaiter?.resolve();
        this.#arrivalWaiter = null;
        return;
      case 'notice':
        this.#onNotice(message.text);
        return;
      case 'state':
        this.#onState({ update: message.update, sha256: message.sha256, state: new Float32Array(message.state) });
        return;
      default:
    }
  }

  #onState(state: ReceivedState): void {
    if (this.#stateWaiter === null) this.#state = state;
    else this.#stateWaiter.resolve(state);
    this.#stateWaiter = null;
  }

  #end(error: Error, mayReturn = false): void {
    if (this.#over) return;
    this.#over = !mayReturn;
    // Whoever may return has not failed: what it waits for is over with the generation.
    if (mayReturn) this.cancel();
    else {
      this.#datasetWaiter?.reject(error);
      this.#rejectAll(error);
    }
    this.#onLost(error.message, mayReturn);
  }

  #rejectAll(error: Error): void {
    for (const waiter of [...this.#deliveries.values(), this.#stateWaiter, this.#arrivalWaiter]) waiter?.reject(error);
    this.#deliveries.clear();
    this.#stateWaiter = null;
    this.#arrivalWaiter = null;
  }
}
