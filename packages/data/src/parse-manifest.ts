import { GantryError } from '@gantry/common';
import { CHUNK_BYTES, contentHash, type DatasetManifest } from './manifest.js';

const ID_CHARS_MAX = 4_096;
const COUNT_MAX = 2 ** 31 - 1;
/** A sample is held in memory many times over: batches, activations. */
const SAMPLE_BYTES_MAX = 2 ** 30;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Reads a manifest that came from elsewhere. Afterwards its chunks have the sizes that it says, their hashes may be names of
 * files, and `sha256` is that of its content.
 *
 * @param json at most DATASET_MANIFEST_CHARS_MAX characters
 * @throws GantryError GANTRY_DATASET_INVALID naming the field
 */
export function parseDatasetManifest(json: string): DatasetManifest {
  const fields = parseObject(json);
  const { id, sha256, count, sampleShape, values, classes, sampleBytes, chunkBytes, chunks, labelChunks } = fields;
  if (typeof id !== 'string' || id.length > ID_CHARS_MAX) throw invalid('id', 'no text of a sensible length');
  if (!isWithin(count, 1, COUNT_MAX)) throw invalid('count', `no whole number from 1 to ${COUNT_MAX}`);
  if (!isWithin(sampleBytes, 1, SAMPLE_BYTES_MAX)) throw invalid('sampleBytes', `not from 1 to ${SAMPLE_BYTES_MAX}`);
  if (!isShape(sampleShape)) throw invalid('sampleShape', 'not three whole numbers of at least 1');
  if (values !== 'uint8' && values !== 'float32') throw invalid('values', 'neither uint8 nor float32');
  if (typeof fields.conversion !== 'object') throw invalid('conversion', 'no object');
  if (!isWithin(classes, 0, COUNT_MAX)) throw invalid('classes', 'no whole number');
  if (chunkBytes !== CHUNK_BYTES) throw invalid('chunkBytes', `not ${CHUNK_BYTES}`);
  if (count * sampleBytes > Number.MAX_SAFE_INTEGER / 2) throw invalid('count', 'too large for samples of that size');
  if (!isHashes(chunks, Math.ceil((count * sampleBytes) / CHUNK_BYTES))) {
    throw invalid('chunks', 'not one SHA-256 for each chunk of the samples');
  }
  if (!isHashes(labelChunks, 0) && !isHashes(labelChunks, Math.ceil(count / CHUNK_BYTES))) {
    throw invalid('labelChunks', 'neither empty nor one SHA-256 for each chunk of the labels');
  }
  if (sha256 !== hashOf(fields)) throw invalid('sha256', 'not the SHA-256 of the content');
  return fields as unknown as DatasetManifest;
}

function parseObject(json: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new GantryError('GANTRY_DATASET_INVALID', 'the manifest of a data set is no JSON', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new GantryError('GANTRY_DATASET_INVALID', 'the manifest of a data set is no JSON object');
}

/** Of all fields but those that are not content, in the order in which they stand: a newer sender may have more. */
function hashOf(fields: Readonly<Record<string, unknown>>): string | null {
  const { id: _id, sha256: _sha256, conversion: _conversion, ...content } = fields;
  try {
    return contentHash(content);
  } catch {
    // A field that is not known is nested too deeply to be written.
    return null;
  }
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function isShape(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && value.every((size) => isWithin(size, 1, COUNT_MAX));
}

function isHashes(value: unknown, count: number): boolean {
  return (
    Array.isArray(value) &&
    value.length === count &&
    value.every((hash) => typeof hash === 'string' && SHA256.test(hash))
  );
}

function invalid(field: string, problem: string): GantryError {
  return new GantryError('GANTRY_DATASET_INVALID', `the manifest of a data set is not valid: ${field} is ${problem}`, {
    details: { field },
  });
}
