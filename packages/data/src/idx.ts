import { constants, gunzipSync } from 'node:zlib';
import type { GantryError } from '@gantry/common';
import { invalidFile, readBytes } from './data-file.js';

/**
 * The IDX format of the MNIST files (http://yann.lecun.com/exdb/mnist, "the IDX file format"): two zero bytes, a type code, the
 * number of dimensions, each size as a big-endian uint32, then the data in row-major order.
 */

const UINT8 = 0x08;
const TYPE_NAMES: Readonly<Record<number, string>> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
};
const DIMENSIONS_MAX = 4;
/** What a gzipped file may grow to; Node's own limit for one buffer is close to it. */
const UNPACKED_BYTES_MAX = 2 ** 31;

/** A parsed file. `data` is a view of the file's bytes. */
export interface IdxArray {
  readonly path: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  /** Bytes before the data, to name offsets in messages. */
  readonly headerBytes: number;
  /** Bytes of a value in the file, where `data` was made of larger ones. @default 1 */
  readonly itemBytes?: number;
}

/**
 * Reads an IDX file of uint8, gzipped or not (told by its first bytes).
 * @param dimensions how many dimensions the caller can use
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, or GANTRY_DATASET_INVALID naming file, byte offset, expected and found
 */
export function readIdx(path: string, dimensions: readonly number[]): IdxArray {
  return parseIdx(path, unpack(path, readBytes(path)), dimensions);
}

/** The bytes of the data in a file: unpacked if they are gzipped. @throws GantryError GANTRY_DATASET_INVALID */
export function unpack(path: string, bytes: Buffer): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return requirePlain(path, bytes);
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
  } catch (cause) {
    throw damagedGzip(path, bytes, cause as NodeJS.ErrnoException);
  }
}

/** A plain IDX file may be called `.gz`, as some downloads unpack on the way; anything else of that name is no gzip file. */
function requirePlain(path: string, bytes: Buffer): Buffer {
  const isIdx = bytes[0] === 0 && bytes[1] === 0;
  if (!path.endsWith('.gz') || isIdx) return bytes;
  const found = bytes.length < 2 ? 'the end of the file' : `0x${bytes.toString('hex', 0, 2)}: it is not gzipped`;
  throw invalidFile(path, 0, 'a gzip file (0x1f8b), as its name ends in .gz', found);
}

/** Of a stream that is cut off, what came before the cut says at which byte of the unpacked data it ends. */
function damagedGzip(path: string, bytes: Buffer, cause: NodeJS.ErrnoException): GantryError {
  if (cause.code !== 'Z_BUF_ERROR') {
    return invalidFile(path, null, 'a whole gzip stream', `"${cause.message}" on unpacking`, cause);
  }
  const { length } = gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: UNPACKED_BYTES_MAX });
  const found = `the end of the file (cut off after ${bytes.length} packed bytes)`;
  return invalidFile(path, length, 'the rest of a gzip stream', found, cause);
}

/** Parses the bytes of an IDX file; `path` is for messages. */
export function parseIdx(path: string, bytes: Buffer, dimensions: readonly number[]): IdxArray {
  const { shape, headerBytes } = parseIdxHeader(path, bytes, bytes.length, dimensions);
  return { path, shape, data: bytes.subarray(headerBytes), headerBytes };
}

/**
 * Parses what stands before the values.
 * @param bytes the beginning of the file @param length of the whole file
 */
export function parseIdxHeader(
  path: string,
  bytes: Buffer,
  length: number,
  dimensions: readonly number[],
): Pick<IdxArray, 'shape' | 'headerBytes'> {
  const rank = parseMagic(path, bytes, dimensions);
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes) {
    throw invalidFile(path, bytes.length, `${headerBytes} bytes of header`, `the end of the file`);
  }
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) shape.push(parseSize(path, bytes, 4 + 4 * i));
  const expected = headerBytes + shape.reduce((product, size) => product * size, 1);
  if (length < expected) {
    const need = `${expected} bytes for shape [${shape.join(', ')}]`;
    throw invalidFile(path, length, need, `the end of the file (${expected - length} bytes are missing)`);
  }
  if (length > expected) {
    const need = `the end of the file after shape [${shape.join(', ')}]`;
    throw invalidFile(path, expected, need, `${length - expected} bytes more`);
  }
  return { shape, headerBytes };
}

function parseMagic(path: string, bytes: Buffer, dimensions: readonly number[]): number {
  if (bytes.length < 4) throw invalidFile(path, bytes.length, '4 bytes of magic number', 'the end of the file');
  const magic = `0x${bytes.toString('hex', 0, 4)}`;
  const [type, rank] = [bytes[2]!, bytes[3]!];
  if (bytes[0] !== 0 || bytes[1] !== 0 || !(type in TYPE_NAMES) || rank === 0 || rank > DIMENSIONS_MAX) {
    throw invalidFile(path, 0, `an IDX magic number (0x000008${hexByte(dimensions[0]!)} here)`, magic);
  }
  if (type !== UINT8) throw invalidFile(path, 2, 'type 0x08 (uint8)', `0x${hexByte(type)} (${TYPE_NAMES[type]})`);
  if (!dimensions.includes(rank)) throw invalidFile(path, 3, `${dimensions.join(' or ')} dimensions`, `${rank}`);
  return rank;
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function parseSize(path: string, bytes: Buffer, offset: number): number {
  const size = bytes.readUInt32BE(offset);
  if (size === 0) throw invalidFile(path, offset, 'a size above zero', '0');
  return size;
}

/** The bytes of an IDX file of uint8 values. */
export function encodeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  return Buffer.concat([idxHeader(shape), data]);
}

/** What stands before the values. */
export function idxHeader(shape: readonly number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header[2] = UINT8;
  header[3] = shape.length;
  shape.forEach((size, i) => {
    header.writeUInt32BE(size, 4 + 4 * i);
  });
  return header;
}
