import { Worker } from 'node:worker_threads';
import {
  assertNever,
  type DataRequest,
  type DatasetQuery,
  encodeEnvelope,
  type Fault,
  type Message,
  type Notice,
} from '@gantry/common';
import { NOTICES_TOLD } from '../core/constants.js';
import { PieceQueue, type PieceRequest } from '../core/piece-queue.js';
import type { RunEvent } from '../core/run-events.js';
import type { DataReply, DataThreadData, PieceRead } from './data-messages.js';

/** What a member says about the data set: nothing that the core has to decide about. */
export type DataMessage = DatasetQuery | DataRequest | Notice;

/** Who said it. */
export interface DataClient {
  readonly peer: string;
  readonly worker: string;
  readonly host: string;
}

export interface DataSupplyOptions {
  readonly runId: string;
  /** As the configuration names it. */
  readonly dataset: string;
  /** Of this coordinator; null: none. */
  readonly fault: Fault | null;
  readonly send: (peer: string, frame: Uint8Array) => Promise<boolean>;
  readonly emit: (event: RunEvent) => void;
  readonly onError: (error: unknown) => void;
}

/** Of an account of what is wrong with the data set: below what a message carries. */
const PROBLEM_CHARS_MAX = 8_000;
const NOTHING = new Uint8Array();

type Opened = Extract<DataReply, { type: 'opened' | 'failed' }>;

/** A piece that was read, or why it was not. */
interface Piece {
  readonly data: Uint8Array;
  readonly problem: string;
}

export function isDataMessage(message: Message): message is DataMessage {
  return message.kind === 'datasetQuery' || message.kind === 'dataRequest' || message.kind === 'notice';
}

/**
 * Gives workers the data set that they lack. It is opened when the first of them asks, in a thread of its own; a run whose
 * workers have the data themselves costs nothing.
 */
export class DataSupply {
  readonly #options: DataSupplyOptions;
  readonly #queue = new PieceQueue();
  /** By peer: its last question, while the data set is opened. */
  readonly #asking = new Map<string, DatasetQuery>();
  /** By number: who waits for a piece that is being read. */
  readonly #readings = new Map<number, (piece: Piece) => void>();
  #thread: Worker | null = null;
  #opened: Promise<Opened> | null = null;
  #readId = 0;
  #notices = 0;
  /** Peers of which it was told that they stream: one that asks again and again fills no log. */
  readonly #streaming = new Set<string>();

  constructor(options: DataSupplyOptions) {
    this.#options = options;
  }

  /** @returns what is wrong with the message, in words, where its sender breaks a rule; null: nothing */
  take(client: DataClient, message: DataMessage): string | null {
    switch (message.kind) {
      case 'datasetQuery':
        this.#ask(client, message);
        return null;
      case 'dataRequest':
        return this.#enqueue(client, message);
      case 'notice':
        this.#tell(client, message);
        return null;
      default:
        return assertNever(message);
    }
  }

  /** A peer is gone. */
  forget(peer: string): void {
    this.#queue.forget(peer);
    this.#asking.delete(peer);
    this.#streaming.delete(peer);
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
  }

  /** Who asks again and again before there is an answer gets one. */
  #ask(client: DataClient, query: DatasetQuery): void {
    const isAsking = this.#asking.has(client.peer);
    this.#asking.set(client.peer, query);
    if (!isAsking) this.#answer(client).catch(this.#options.onError);
  }

  async #answer(client: DataClient): Promise<void> {
    const opened = await this.#open();
    const query = this.#asking.get(client.peer);
    this.#asking.delete(client.peer);
    // It has gone.
    if (query === undefined) return;
    const { heldSha256, reason } = query;
    const isFailed = opened.type === 'failed';
    const isSame = !isFailed && opened.sha256 === heldSha256;
    if (!isFailed && !isSame) this.#announce(client, reason);
    await this.#send(client.peer, {
      kind: 'datasetAnswer',
      manifestJson: isFailed || isSame ? '' : opened.manifestJson,
      problem: isFailed ? opened.problem.slice(0, PROBLEM_CHARS_MAX) : '',
    });
  }

  #announce({ peer, worker, host }: DataClient, reason: string): void {
    if (this.#streaming.has(peer)) return;
    this.#streaming.add(peer);
    this.#options.emit({ event: 'data-streamed', worker, host, reason });
  }

  #enqueue({ peer }: DataClient, { datasetSha256, chunk, offset, bytes }: DataRequest): string | null {
    const problem = this.#queue.add({ peer, datasetSha256, chunk, offset, bytes });
    if (problem === null) this.#serve().catch(this.#options.onError);
    return problem;
  }

  /** Reads and sends as much as may be in flight; what leaves makes room for more. */
  async #serve(): Promise<void> {
    const opened = await this.#open();
    for (let next = this.#queue.next(); next !== null; next = this.#queue.next()) {
      this.#supply(next, this.#refusal(opened, next)).catch(this.#options.onError);
    }
  }

  /** Why a piece is not sent, in words; '': it is. After a restart the data set may have become another. */
  #refusal(opened: Opened, { datasetSha256 }: PieceRequest): string {
    if (opened.type === 'failed') return opened.problem.slice(0, PROBLEM_CHARS_MAX);
    if (opened.sha256 === datasetSha256) return '';
    const [now, before] = [opened.sha256, datasetSha256].map((hash) => hash.slice(0, 12));
    return `${this.#options.dataset} is not what it was when this worker was told of it: SHA-256 ${now}, not ${before}`;
  }

  async #supply(request: PieceRequest, refusal: string): Promise<void> {
    const { peer, chunk, offset } = request;
    const { data, problem } = refusal === '' ? await this.#read(request) : { data: NOTHING, problem: refusal };
    if (offset === 0) this.#damage(chunk, data);
    await this.#send(peer, { kind: 'dataChunk', chunk, offset, data, problem });
    this.#queue.done(request);
    await this.#serve();
  }

  #read({ chunk, offset, bytes }: PieceRequest): Promise<Piece> {
    const id = this.#readId++;
    this.#thread!.postMessage({ id, chunk, offset, bytes } satisfies PieceRead);
    return new Promise((resolve) => this.#readings.set(id, resolve));
  }

  /** For tests: the chunk that GANTRY_FAULT names leaves with one bit changed. */
  #damage(chunk: number, data: Uint8Array): void {
    const { fault } = this.#options;
    if (fault?.kind === 'chunk' && fault.update === chunk + 1 && data.length > 0) data[0]! ^= 1;
  }

  /** Who says too much fills no log. */
  #tell({ worker, host }: DataClient, { text }: Notice): void {
    if (++this.#notices > NOTICES_TOLD) return;
    this.#options.emit({ event: 'warning', message: `${worker} (host ${host}): ${text}` });
  }

  #send(peer: string, body: Message): Promise<boolean> {
    // The data is of no generation.
    return this.#options.send(peer, encodeEnvelope({ runId: this.#options.runId, generation: 0, update: 0, body }));
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#start();
    return this.#opened;
  }

  #start(): Promise<Opened> {
    const data: DataThreadData = { dataset: this.#options.dataset };
    const thread = new Worker(new URL('./data-thread.js', import.meta.url), { workerData: data, name: 'gantry-data' });
    this.#thread = thread;
    return new Promise((resolve) => {
      thread.on('message', (reply: DataReply) => {
        if (reply.type === 'piece') this.#onPiece(reply);
        else resolve(reply);
      });
      // It reads what a person named: whatever is wrong there must not end the run of those who have the data.
      thread.on('error', (error) => this.#onThreadFailed(error, resolve));
    });
  }

  #onPiece({ id, problem, data }: Extract<DataReply, { type: 'piece' }>): void {
    const reading = this.#readings.get(id);
    this.#readings.delete(id);
    reading?.({ data: new Uint8Array(data), problem });
  }

  #onThreadFailed(error: Error, resolve: (opened: Opened) => void): void {
    const failed: Opened = { type: 'failed', problem: threadProblem(this.#options.dataset, error) };
    this.#opened = Promise.resolve(failed);
    resolve(failed);
    const readings = [...this.#readings.values()];
    this.#readings.clear();
    for (const reading of readings) reading({ data: NOTHING, problem: failed.problem });
  }
}

function threadProblem(dataset: string, error: Error): string {
  return `reading ${dataset} failed: ${error.message}`.slice(0, PROBLEM_CHARS_MAX);
}
