import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const DIGEST_BYTES = 32;

/** A name for what `parts` determine. */
export function weightsKey(parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/**
 * The weights that were kept under `key`, or those that `make` makes, which are then kept. A file is the little-endian floats
 * after their SHA-256; one that is damaged is made again. A cache that cannot be written is done without.
 */
export async function cachedWeights(
  key: string,
  directory: string,
  make: () => Promise<Float32Array>,
): Promise<Float32Array> {
  const path = join(directory, `classifier-${key}.bin`);
  const kept = await readWeights(path);
  if (kept !== null) return kept;
  const weights = await make();
  await writeWeights(directory, path, weights).catch(() => undefined);
  return weights;
}

async function readWeights(path: string): Promise<Float32Array | null> {
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null || bytes.length < DIGEST_BYTES || bytes.length % 4 !== 0) return null;
  const body = bytes.subarray(DIGEST_BYTES);
  if (!digest(body).equals(bytes.subarray(0, DIGEST_BYTES))) return null;
  return new Float32Array(Uint8Array.from(body).buffer);
}

async function writeWeights(directory: string, path: string, weights: Float32Array): Promise<void> {
  const body = Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength);
  await mkdir(directory, { recursive: true });
  // Renamed when whole, so that nobody reads half of it.
  const scratch = `${path}.${process.pid}`;
  await writeFile(scratch, Buffer.concat([digest(body), body]));
  await rename(scratch, path);
}

function digest(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest();
}
