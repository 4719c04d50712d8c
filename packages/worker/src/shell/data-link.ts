import type { DataChunk, DatasetAnswer, DatasetQuery, Message } from '@gantry/common';
import type { DataWant } from '../core/data-feed.js';
import type { FromControl } from './control-messages.js';
import { DataIntake, type StreamedData } from './data-intake.js';

export interface DataLinkOptions {
  readonly send: (message: Message) => void;
  readonly post: (message: FromControl) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * What the control thread does about the data set, apart from all generations: on every new connection an open question, and what
 * was asked for, are sent again.
 */
export class DataLink {
  readonly #options: DataLinkOptions;
  #isConnected = false;
  /** Not answered yet. */
  #query: DatasetQuery | null = null;
  #intake: DataIntake | null = null;

  constructor(options: DataLinkOptions) {
    this.#options = options;
  }

  query(query: DatasetQuery): void {
    this.#query = query;
    if (this.#isConnected) this.#options.send(query);
  }

  open(data: StreamedData): void {
    const { send, post, onError } = this.#options;
    this.#intake = new DataIntake({
      data,
      // Without a connection it is not lost: `reconnected` asks again.
      request: (request) => this.#isConnected && send(request),
      onArrival: () => post({ type: 'dataArrival' }),
      onNotice: (text) => {
        send({ kind: 'notice', text });
        post({ type: 'notice', text });
      },
      onError,
    });
  }

  want(want: DataWant): void {
    this.#intake?.want(want);
  }

  answered(answer: DatasetAnswer): void {
    if (this.#query === null) return;
    this.#query = null;
    this.#options.post({ type: 'dataset', answer });
  }

  received(chunk: DataChunk): void {
    this.#intake?.received(chunk);
  }

  /** The coordinator has welcomed this worker. */
  connected(): void {
    this.#isConnected = true;
    if (this.#query !== null) this.#options.send(this.#query);
    this.#intake?.reconnected();
  }

  disconnected(): void {
    this.#isConnected = false;
  }

  close(): void {
    this.#intake?.close();
  }
}
