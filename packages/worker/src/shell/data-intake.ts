import { createHash } from 'node:crypto';
import { type DataChunk, type DataRequest, GantryError } from '@gantry/common';
import { CLAIM_RETRY_MS, DataFeed, type DataWant, type FeedEffect } from '../core/data-feed.js';
import { ChunkCache } from './chunk-cache.js';

/** What the control thread has to know of a data set that it is to fetch. */
export interface StreamedData {
  /** For messages. */
  readonly id: string;
  /** Of the manifest. */
  readonly sha256: string;
  /** Bytes of each place in memory. */
  readonly placeBytes: number;
  /** Samples' chunks, then those of labels. */
  readonly chunks: readonly { readonly bytes: number; readonly sha256: string }[];
  readonly labelChunks: number;
  readonly samplePlaces: number;
  readonly memory: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
  readonly cacheFolder: string;
}

/** Words that the two threads share: then the place of each chunk, −1 where it is not here. */
export const DATA_WORDS = {
  /** Wants that were taken in. */
  taken: 0,
  /** 1: every chunk is here for good. */
  complete: 1,
  /** Place of chunk 0. */
  places: 2,
} as const;

export interface DataIntakeOptions {
  readonly data: StreamedData;
  /** Sends it if there is a connection; `reconnected` says when there is one again. */
  readonly request: (request: DataRequest) => void;
  /** Something came: who waits may look again. */
  readonly onArrival: () => void;
  readonly onNotice: (text: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Does what the feed decides: reads and writes the cache, asks the coordinator, checks what comes, tells the main thread. */
export class DataIntake {
  readonly #options: DataIntakeOptions;
  readonly #feed: DataFeed;
  readonly #cache: ChunkCache;
  readonly #memory: Uint8Array;
  readonly #words: Int32Array;
  /** Checks that are done: told when the effects in hand are performed, for their order is that of the requests. */
  readonly #checked: { readonly chunk: number; readonly isRight: boolean }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: DataIntakeOptions) {
    const { chunks, labelChunks, samplePlaces, memory, words, cacheFolder } = options.data;
    this.#options = options;
    this.#feed = new DataFeed({ chunkBytes: chunks.map(({ bytes }) => bytes), labelChunks, samplePlaces });
    this.#cache = new ChunkCache(cacheFolder, options.onNotice);
    this.#memory = new Uint8Array(memory);
    this.#words = new Int32Array(words);
  }

  want(want: DataWant): void {
    this.#perform(this.#feed.want(want, performance.now()));
    Atomics.add(this.#words, DATA_WORDS.taken, 1);
    this.#options.onArrival();
  }

  /** @throws GantryError GANTRY_PROTOCOL_INVALID, GANTRY_DATASET_INVALID */
  received({ chunk, offset, data, problem }: DataChunk): void {
    if (problem !== '') throw new GantryError('GANTRY_DATASET_INVALID', `the coordinator sends no data: ${problem}`);
    this.#perform(this.#feed.received({ chunk, offset, bytes: data.length }, performance.now()), data);
    // Who waits for a whole chunk on a slow link is told that it is coming.
    this.#options.onArrival();
  }

  /** A coordinator has welcomed this worker on a new connection. */
  reconnected(): void {
    this.#perform(this.#feed.reconnected(performance.now()));
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** @param data The piece in hand. */
  #perform(effects: readonly FeedEffect[], data?: Uint8Array): void {
    for (const effect of effects) this.#do(effect, data);
    for (let done = this.#checked.shift(); done !== undefined; done = this.#checked.shift()) {
      for (const effect of this.#feed.checked(done.chunk, done.isRight, performance.now())) this.#do(effect, undefined);
    }
    if (this.#feed.isComplete) Atomics.store(this.#words, DATA_WORDS.complete, 1);
    if (this.#feed.isWaiting && !this.#closed) this.#timer ??= setTimeout(() => this.#tick(), CLAIM_RETRY_MS);
  }

  #do(effect: FeedEffect, data: Uint8Array | undefined): void {
    const { words, placeBytes } = this.#layout;
    switch (effect.type) {
      case 'evict':
        Atomics.store(words, DATA_WORDS.places + effect.chunk, -1);
        return;
      case 'look':
        this.#later(this.#look(effect.chunk, effect.place));
        return;
      case 'request':
        this.#request(effect);
        return;
      case 'write':
        this.#memory.set(data!, effect.place * placeBytes + effect.offset);
        return;
      case 'check':
        this.#check(effect.chunk, effect.place);
        return;
      case 'here':
        Atomics.store(words, DATA_WORDS.places + effect.chunk, effect.place);
        this.#options.onArrival();
        return;
      case 'store':
        this.#later(this.#store(effect.chunk, effect.place));
        return;
      case 'fail':
        throw this.#damaged(effect.chunk);
      default:
    }
  }

  get #layout(): { readonly words: Int32Array; readonly placeBytes: number } {
    return { words: this.#words, placeBytes: this.#options.data.placeBytes };
  }

  #bytesOf(chunk: number, place: number): Uint8Array {
    const from = place * this.#options.data.placeBytes;
    return this.#memory.subarray(from, from + this.#options.data.chunks[chunk]!.bytes);
  }

  async #look(chunk: number, place: number): Promise<void> {
    const { sha256 } = this.#options.data.chunks[chunk]!;
    const isFound = await this.#cache.read(sha256, this.#bytesOf(chunk, place));
    const outcome = isFound ? 'found' : (await this.#cache.claim(sha256)) ? 'missing' : 'claimed';
    this.#perform(this.#feed.looked(chunk, outcome, performance.now()));
  }

  #request({ chunk, offset, bytes }: Extract<FeedEffect, { type: 'request' }>): void {
    const { sha256: datasetSha256 } = this.#options.data;
    this.#options.request({ kind: 'dataRequest', datasetSha256, chunk, offset, bytes });
  }

  #check(chunk: number, place: number): void {
    const sha256 = createHash('sha256').update(this.#bytesOf(chunk, place)).digest('hex');
    this.#checked.push({ chunk, isRight: sha256 === this.#options.data.chunks[chunk]!.sha256 });
  }

  async #store(chunk: number, place: number): Promise<void> {
    await this.#cache.store(this.#options.data.chunks[chunk]!.sha256, this.#bytesOf(chunk, place));
    this.#perform(this.#feed.stored(chunk, performance.now()));
  }

  #tick(): void {
    this.#timer = null;
    this.#perform(this.#feed.tick(performance.now()));
  }

  #damaged(chunk: number): GantryError {
    const { id, chunks } = this.#options.data;
    return new GantryError(
      'GANTRY_DATASET_INVALID',
      `chunk ${chunk} of ${id} came from the coordinator twice with another SHA-256 than ${chunks[chunk]!.sha256.slice(0, 12)}…, which ` +
        "its manifest says: the coordinator's copy is damaged; restart it, and check that machine's memory and disk",
      { details: { dataset: id, chunk } },
    );
  }

  #later(work: Promise<void>): void {
    work.catch((error) => {
      if (!this.#closed) this.#options.onError(error);
    });
  }
}
