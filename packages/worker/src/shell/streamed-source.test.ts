import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataRequest } from '@gantry/common';
import { chunkPlace, createMemorySource, type DataSource, readContent } from '@gantry/data';
import { afterAll, describe, expect, it } from 'vitest';
import { DataIntake } from './data-intake.js';
import { type DataChannel, StreamedSource } from './streamed-source.js';

const COUNT = 12_000;
const SAMPLE_BYTES = 784;
const folder = mkdtempSync(join(tmpdir(), 'gantry-streamed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** 9 chunks of samples, one of labels. */
const source = createMemorySource({
  id: 'made',
  sampleShape: [28, 28, 1],
  classes: 10,
  labels: Uint8Array.from({ length: COUNT }, (_, i) => (i * 7) % 10),
  pixels: Uint8Array.from({ length: COUNT * SAMPLE_BYTES }, (_, i) => (i * 31 + (i >>> 20) * 7 + (i >>> 8)) & 255),
});

/** Both ends of what the two threads and the connection are in a worker: everything happens a turn of the event loop later. */
class Wiring implements DataChannel {
  requests = 0;
  readonly notices: string[] = [];
  #intake: DataIntake | null = null;
  #arrived: (() => void) | null = null;
  #damaged: number | null = null;
  #failed: ((error: Error) => void) | null = null;

  /** Sends this chunk with a bit changed from now on. */
  damage(chunk: number): void {
    this.#damaged = chunk;
  }

  openData(data: ConstructorParameters<typeof DataIntake>[0]['data']): void {
    this.#intake = new DataIntake({
      data,
      request: (request) => void setImmediate(() => this.#answer(request)),
      onArrival: () => void setImmediate(() => this.#arrived?.()),
      onNotice: (text) => this.notices.push(text),
      onError: (error) => this.#failed?.(error as Error),
    });
  }

  wantData(want: Parameters<DataIntake['want']>[0]): void {
    setImmediate(() => this.#intake!.want(want));
  }

  dataArrival(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#arrived = resolve;
      this.#failed = reject;
    });
  }

  #answer({ chunk, offset, bytes }: DataRequest): void {
    this.requests++;
    const manifest = source.manifest();
    const data = new Uint8Array(bytes);
    readContent(source, manifest, chunkPlace(manifest, chunk).offset + offset, data);
    if (chunk === this.#damaged) data[0]! ^= 1;
    try {
      this.#intake!.received({ kind: 'dataChunk', chunk, offset, data, problem: '' });
    } catch (error) {
      this.#failed?.(error as Error);
    }
  }
}

let caches = 0;
function streamed(samplePlaces: number, cacheFolder = join(folder, `cache-${caches++}`)) {
  const wiring = new Wiring();
  const options = { manifest: source.manifest(), samplePlaces, cacheFolder, channel: wiring, onWait: () => {} };
  return { wiring, cacheFolder, data: new StreamedSource(options) };
}

const sampleOf = (from: DataSource, index: number): Buffer => {
  const into = Buffer.alloc(SAMPLE_BYTES);
  from.read(index, into, 0);
  return into;
};
/** Three samples of each turn, anywhere in the data set. */
const samplesOf = (turn: number) => [1, 2, 3].map((k) => (turn * 7_919 + k * 4_001) % COUNT);

function storedIn(cacheFolder: string): number {
  const files = readdirSync(cacheFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.filter(({ name }) => /^[0-9a-f]{64}$/.test(name)).length;
}

async function expectTurns(data: StreamedSource, turns: readonly number[]): Promise<void> {
  for (const turn of turns) {
    await data.ready(turn);
    for (const sample of samplesOf(turn)) {
      expect(sampleOf(data.source, sample).equals(sampleOf(source, sample))).toBe(true);
    }
  }
}

describe.each([9, 6, 4])('with places for %i of 9 chunks', (places) => {
  it('every sample of every turn is the right one, also as shares change', async () => {
    const { data, wiring } = streamed(places);
    await data.readySample(COUNT - 1);
    expect(sampleOf(data.source, COUNT - 1).equals(sampleOf(source, COUNT - 1))).toBe(true);
    data.plan(samplesOf);
    await expectTurns(data, [0, 1, 2, 3, 4, 5, 6, 7, 20, 21]);
    expect(data.source.labels).toEqual(source.labels);
    data.plan((turn) => samplesOf(turn).reverse());
    await expectTurns(data, [19, 20, 21]);
    expect(wiring.notices).toEqual([]);
  });

  it('what is in the cache is not asked for again', async () => {
    const first = streamed(places);
    first.data.plan(samplesOf);
    const turns = Array.from({ length: 40 }, (_, turn) => turn);
    await expectTurns(first.data, turns);
    expect(first.wiring.requests).toBeGreaterThan(0);
    // Chunks can be read a little before they are stored.
    await expect.poll(() => storedIn(first.cacheFolder)).toBe(10);
    const second = streamed(places, first.cacheFolder);
    second.data.plan(samplesOf);
    await expectTurns(second.data, turns);
    expect(second.wiring.requests).toBe(0);
  });
});

it('a chunk whose hash is wrong twice is an error that names it', async () => {
  const { data, wiring } = streamed(9);
  wiring.damage(5);
  data.plan(() => [Math.floor((5.5 * 2 ** 20) / SAMPLE_BYTES)]);
  await expect(data.ready(0)).rejects.toMatchObject({ code: 'GANTRY_DATASET_INVALID', details: { chunk: 5 } });
});
