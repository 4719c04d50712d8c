import { constants } from 'node:buffer';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { GantryError } from '@gantry/common';

const ONE_READ_BYTES = 2 ** 30;

/**
 * An error about a byte of a data file.
 * @param offset in the unpacked data, where the file is gzipped; null where it is not known
 * @param expected what should be there @param found what is there
 */
export function invalidFile(
  path: string,
  offset: number | null,
  expected: string,
  found: string,
  cause?: unknown,
): GantryError {
  const place = offset === null ? path : `${path}: at byte ${offset}`;
  const message = `${place}: expected ${expected}, found ${found}`;
  return new GantryError('GANTRY_DATASET_INVALID', message, {
    cause,
    details: { file: path, offset, expected, found },
  });
}

/**
 * All bytes of a file.
 * @throws GantryError GANTRY_DATASET_NOT_FOUND
 */
export function readBytes(path: string): Buffer {
  try {
    const { size } = statSync(path);
    return size < ONE_READ_BYTES ? readFileSync(path) : readLarge(path, size);
  } catch (cause) {
    if (cause instanceof GantryError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new GantryError('GANTRY_DATASET_NOT_FOUND', `${path} ${what}`, { cause, details: { file: path } });
  }
}

/** Node reads 2 GiB at once at most. */
function readLarge(path: string, size: number): Buffer {
  if (size > constants.MAX_LENGTH) {
    throw new GantryError('GANTRY_DATASET_INVALID', `${path} has ${size} bytes; at most ${constants.MAX_LENGTH} fit`);
  }
  const bytes = Buffer.allocUnsafe(size);
  const file = openSync(path, 'r');
  try {
    for (let at = 0; at < size; ) {
      const read = readSync(file, bytes, at, Math.min(ONE_READ_BYTES, size - at), at);
      if (read === 0)
        throw invalidFile(path, at, `${size} bytes`, 'the end of the file: it has been cut while it was read');
      at += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}
