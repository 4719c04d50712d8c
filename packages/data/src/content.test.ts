import { GantryError } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { chunkCount, chunkPlace, chunksOfSample, readContent, sampleChunkCount, totalBytes } from './content.js';
import { CHUNK_BYTES, type DatasetManifest } from './manifest.js';
import { parseDatasetManifest } from './parse-manifest.js';
import { createMemorySource, type DataSource } from './source.js';
import { createStreamedSource, type StreamedMemory } from './streamed-source.js';

const COUNT = 3_000;
const SHAPE = [20, 30, 1] as const;
const SAMPLE_BYTES = 600;

function made(labels: boolean): DataSource {
  const pixels = Uint8Array.from({ length: COUNT * SAMPLE_BYTES }, (_, i) => (i * 31 + (i >> 9)) & 255);
  const some = Uint8Array.from({ length: COUNT }, (_, i) => i % 7);
  return createMemorySource({
    id: 'made',
    sampleShape: SHAPE,
    classes: labels ? 7 : 0,
    labels: labels ? some : null,
    pixels,
  });
}

/** The chunks put where the places say. */
function memoryOf(source: DataSource, samplePlaces: number, here: readonly number[]): StreamedMemory {
  const manifest = source.manifest();
  const placeOf = new Int32Array(chunkCount(manifest)).fill(-1);
  const bytes = new Uint8Array((samplePlaces + manifest.labelChunks.length) * CHUNK_BYTES);
  const put = (chunk: number, place: number): void => {
    const { offset, bytes: length } = chunkPlace(manifest, chunk);
    readContent(source, manifest, offset, bytes.subarray(place * CHUNK_BYTES, place * CHUNK_BYTES + length));
    placeOf[chunk] = place;
  };
  for (const [place, chunk] of here.entries()) put(chunk, place);
  for (let k = 0; k < manifest.labelChunks.length; k++) put(sampleChunkCount(manifest) + k, samplePlaces + k);
  return { bytes, placeOf, samplePlaces };
}

function sampleOf(source: DataSource, index: number): number[] {
  const into = new Uint8Array(SAMPLE_BYTES);
  source.read(index, into, 0);
  return [...into];
}

function refusal(run: () => unknown): GantryError {
  try {
    run();
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('the content of a data set', () => {
  it('is its samples, then its labels, in chunks that cover it without a gap', () => {
    const manifest = made(true).manifest();
    const places = Array.from({ length: chunkCount(manifest) }, (_, chunk) => chunkPlace(manifest, chunk));
    expect(places.map(({ bytes }) => bytes)).toEqual([CHUNK_BYTES, COUNT * SAMPLE_BYTES - CHUNK_BYTES, COUNT]);
    expect(places.map(({ offset }) => offset)).toEqual([0, CHUNK_BYTES, COUNT * SAMPLE_BYTES]);
    expect(totalBytes(manifest)).toBe(COUNT * SAMPLE_BYTES + COUNT);
    expect(chunksOfSample(manifest, Math.floor(CHUNK_BYTES / SAMPLE_BYTES))).toEqual([0, 1]);
    expect(refusal(() => chunkPlace(manifest, 3)).code).toBe('GANTRY_INTERNAL');
  });

  it('is the same bytes, whether the source holds them or gives them one sample at a time', () => {
    const source = made(true);
    const manifest = source.manifest();
    for (const [offset, length] of [
      [0, 1],
      [599, 602],
      [CHUNK_BYTES - 5, 5],
      [COUNT * SAMPLE_BYTES, COUNT],
    ] as const) {
      const [one, other] = [new Uint8Array(length), new Uint8Array(length)];
      readContent(source, manifest, offset, one);
      readContent({ ...source, pixels: null }, manifest, offset, other);
      expect(one).toEqual(other);
    }
  });
});

describe('a streamed source', () => {
  it('whose chunks all have a place is read as one that lies in memory', () => {
    const source = made(true);
    const streamed = createStreamedSource(source.manifest(), memoryOf(source, 2, [0, 1]));
    expect(Buffer.compare(streamed.pixels!, source.pixels!)).toBe(0);
    expect(streamed.labels).toEqual(source.labels);
    expect(streamed.manifest()).toBe(source.manifest());
  });

  it('gives a sample that lies in two chunks, wherever these are', () => {
    const source = made(true);
    const manifest = source.manifest();
    const across = Math.floor(CHUNK_BYTES / SAMPLE_BYTES);
    const memory = memoryOf(source, 3, [1, 0]);
    const streamed = createStreamedSource(manifest, memory);
    expect(streamed.pixels).toBe(null);
    expect(streamed.labels).toEqual(source.labels);
    for (const index of [0, across, COUNT - 1]) expect(sampleOf(streamed, index)).toEqual(sampleOf(source, index));
    memory.placeOf[1] = -1;
    expect(refusal(() => sampleOf(streamed, across)).message).toContain('before it is here');
  });

  it('may have numbers for values', () => {
    const numbers = Float32Array.from({ length: 30 }, (_, i) => i / 7);
    const pixels = new Uint8Array(numbers.buffer);
    const rows = createMemorySource({
      id: 'rows',
      sampleShape: [1, 3, 1],
      classes: 0,
      labels: null,
      pixels,
      values: 'float32',
      conversion: { columns: 3 },
    });
    const manifest = parseDatasetManifest(JSON.stringify(rows.manifest()));
    expect(manifest).toMatchObject({ values: 'float32', sampleBytes: 12, conversion: { columns: 3 } });
    const streamed = createStreamedSource(manifest, memoryOf(rows, 1, [0]));
    expect(streamed).toMatchObject({ count: 10, values: 'float32', conversion: { columns: 3 } });
    expect(streamed.pixels).toEqual(pixels);
  });

  it('is refused where a sample has another size than its shape', () => {
    const source = made(false);
    const manifest: DatasetManifest = { ...source.manifest(), sampleBytes: 1_200 };
    expect(refusal(() => createStreamedSource(manifest, memoryOf(source, 2, []))).code).toBe('GANTRY_DATASET_INVALID');
  });
});

describe('a manifest from elsewhere', () => {
  const manifest = made(true).manifest();

  it('is read as it was written, with and without labels', () => {
    expect(parseDatasetManifest(JSON.stringify(manifest))).toEqual(manifest);
    expect(parseDatasetManifest(JSON.stringify(made(false).manifest())).labelChunks).toEqual([]);
  });

  it.each<[string, object]>([
    ['id', { id: 7 }],
    ['count', { count: 0 }],
    ['count', { count: 2 ** 31 }],
    ['sampleBytes', { sampleBytes: 1.5 }],
    ['sampleShape', { sampleShape: [20, 30] }],
    ['classes', { classes: -1 }],
    ['values', { values: 'float16' }],
    ['conversion', { conversion: 7 }],
    ['chunkBytes', { chunkBytes: 1 }],
    ['chunks', { chunks: manifest.chunks.slice(1) }],
    ['chunks', { chunks: ['../../../../etc/passwd', manifest.chunks[1]] }],
    ['labelChunks', { labelChunks: [...manifest.labelChunks, ...manifest.labelChunks] }],
    ['sha256', { classes: 8 }],
    ['sha256', { more: 1 }],
  ])('is refused, naming %s', (field, change) => {
    const error = refusal(() => parseDatasetManifest(JSON.stringify({ ...manifest, ...change })));
    expect(error).toMatchObject({ code: 'GANTRY_DATASET_INVALID', details: { field } });
  });

  it.each(['', '[]', 'null', '{'])('is refused where it is no object: %j', (json) => {
    expect(refusal(() => parseDatasetManifest(json)).code).toBe('GANTRY_DATASET_INVALID');
  });
});
