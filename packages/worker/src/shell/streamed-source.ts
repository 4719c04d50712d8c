import { assert } from '@gantry/common';
import {
  chunkCount,
  chunkPlace,
  chunksOfSample,
  createStreamedSource,
  type DataSource,
  type DatasetManifest,
  sampleChunkCount,
} from '@gantry/data';
import { BATCHES_AHEAD } from '../constants.js';
import type { DataWant } from '../core/data-feed.js';
import { chunksOf, DataNeeds } from '../core/data-needs.js';
import { DATA_WORDS, type StreamedData } from './data-intake.js';

/** The main thread's way to the control thread, which fetches. */
export interface DataChannel {
  openData(data: StreamedData): void;
  wantData(want: DataWant): void;
  /** Ends at the next word from there. @throws GANTRY_ABORTED where the generation has ended */
  dataArrival(): Promise<void>;
}

export interface StreamedSourceOptions {
  readonly manifest: DatasetManifest;
  readonly samplePlaces: number;
  readonly cacheFolder: string;
  readonly channel: DataChannel;
  /** Called again and again while somebody waits. @throws GantryError GANTRY_ABORTED where that is over */
  readonly onWait: () => void;
}

/** Samples of a global batch that a member needs. */
type SamplesOf = (turn: number) => Iterable<number>;

/**
 * A data set that comes from the coordinator, as the main thread sees it: it says what it needs soon, and waits only for what it
 * needs now.
 */
export class StreamedSource {
  readonly source: DataSource;
  readonly #options: StreamedSourceOptions;
  readonly #words: Int32Array;
  readonly #isWhole: boolean;
  #needs: DataNeeds | null = null;
  /** Wants that were told, and which of them told a turn's need. */
  #told = 0;
  readonly #toldAt = new Map<number, number>();

  constructor(options: StreamedSourceOptions) {
    const { manifest, samplePlaces, cacheFolder, channel } = options;
    const { id, sha256, chunkBytes, labelChunks } = manifest;
    const count = chunkCount(manifest);
    const words = new SharedArrayBuffer((DATA_WORDS.places + count) * Int32Array.BYTES_PER_ELEMENT);
    const memory = new SharedArrayBuffer((samplePlaces + labelChunks.length) * chunkBytes);
    this.#options = options;
    this.#words = new Int32Array(words);
    this.#isWhole = samplePlaces === sampleChunkCount(manifest);
    const placeOf = this.#words.subarray(DATA_WORDS.places).fill(-1);
    this.source = createStreamedSource(manifest, { bytes: new Uint8Array(memory), placeOf, samplePlaces });
    const chunks = Array.from({ length: count }, (_, chunk) => chunkPlace(manifest, chunk));
    const about = { id, sha256, placeBytes: chunkBytes, chunks, labelChunks: labelChunks.length, samplePlaces };
    channel.openData({ ...about, memory, words, cacheFolder });
  }

  /** A generation begins: what this member needs in each turn. */
  plan(samplesOf: SamplesOf): void {
    const { manifest } = this.#options;
    const chunksAt = (turn: number) => chunksOf(samplesOf(turn), (sample) => chunksOfSample(manifest, sample));
    this.#needs = new DataNeeds(chunksAt, BATCHES_AHEAD);
  }

  /**
   * Sees to it that the samples of `turn` can be read until the next turn begins, turns ascending. Undefined, and next to nothing
   * to do, where everything is here for good.
   */
  ready(turn: number): undefined | Promise<void> {
    if (Atomics.load(this.#words, DATA_WORDS.complete) === 1) return undefined;
    assert(this.#needs !== null, 'a turn before its plan');
    this.#want(this.#needs.begin(turn));
    const chunks = this.#needs.chunksOf(turn);
    const told = this.#toldAt.get(turn)!;
    return this.#isHere(chunks, told) ? undefined : this.#wait(chunks, told);
  }

  /** Sees to it that one sample can be read, and forgets every plan. */
  async readySample(index: number): Promise<void> {
    const chunks = chunksOf([index], (sample) => chunksOfSample(this.#options.manifest, sample));
    this.#want({ reset: true, first: 0, needs: [{ turn: 0, chunks }] });
    if (!this.#isHere(chunks, this.#told)) await this.#wait(chunks, this.#told);
  }

  #want(want: DataWant): void {
    this.#told++;
    if (want.reset) this.#toldAt.clear();
    for (const turn of this.#toldAt.keys()) if (turn < want.first) this.#toldAt.delete(turn);
    for (const { turn } of want.needs) this.#toldAt.set(turn, this.#told);
    this.#options.channel.wantData(want);
  }

  /**
   * Labels count always. Where chunks may give way, the other thread has to know that these must not.
   * @param told The want that said so.
   */
  #isHere(chunks: readonly number[], told: number): boolean {
    const { manifest } = this.#options;
    if (!this.#isWhole && Atomics.load(this.#words, DATA_WORDS.taken) < told) return false;
    for (let label = sampleChunkCount(manifest); label < chunkCount(manifest); label++) {
      if (!this.#has(label)) return false;
    }
    return chunks.every((chunk) => this.#has(chunk));
  }

  #has(chunk: number): boolean {
    return Atomics.load(this.#words, DATA_WORDS.places + chunk) >= 0;
  }

  async #wait(chunks: readonly number[], told: number): Promise<void> {
    const { channel, onWait } = this.#options;
    do {
      onWait();
      await channel.dataArrival();
    } while (!this.#isHere(chunks, told));
  }
}
